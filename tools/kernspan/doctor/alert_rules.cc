#include "tools/kernspan/doctor/alert_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "tools/kernspan/doctor/subject.h"

namespace kernspan::doctor {
namespace {

constexpr int kNamesThatNeverExist = 16;
constexpr int kNobodyEmits = 36;

// The words of an expression, string literals left out: metrics, functions and labels alike.
std::set<std::string> words_of(std::string_view expression) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
  };
  std::set<std::string> words;
  std::string word;
  char quote = 0;
  for (const char c : expression) {
    if (quote == 0 && is_word(c)) {
      word += c;
      continue;
    }
    if (!word.empty()) words.insert(std::exchange(word, {}));
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
  }
  if (!word.empty()) words.insert(word);
  return words;
}

void examine_word(const std::string& word, bool total_suffix, const std::string& alert,
                  const ConfigPosition& position, std::vector<Finding>& findings) {
  constexpr std::array<std::string_view, 3> kOfNobody = {"cross_cluster_request_duration_seconds",
                                                         "spans_without_parent_context", "spans"};
  Reporter never("alert_on_no_metric", kNamesThatNeverExist, Severity::kWarning, findings);
  Reporter nobody("alert_on_foreign_metric", kNobodyEmits, Severity::kWarning, findings);
  if (word.starts_with("otelcol_processor_dropped_")) {
    return never.add(
        position,
        fmt::format("{}: {} was removed from the collector: the alert never fires", alert, word),
        "use otelcol_receiver_refused_spans, otelcol_exporter_send_failed_spans and "
        "otelcol_exporter_enqueue_failed_spans");
  }
  if (word.starts_with("otelcol_") && word.ends_with("_total") && !total_suffix) {
    return never.add(position,
                     fmt::format("{}: {} does not exist: the collector writes its counters without "
                                 "\"_total\" unless told otherwise, and the alert never fires",
                                 alert, word),
                     "take \"_total\" off, or set without_type_suffix: false at "
                     "service::telemetry::metrics::readers");
  }
  std::string_view stem = word;
  for (const std::string_view suffix : {"_bucket", "_count", "_sum", "_total"}) {
    if (stem.ends_with(suffix)) stem.remove_suffix(suffix.size());
  }
  if (stem != word && std::ranges::find(kOfNobody, stem) != kOfNobody.end()) {
    nobody.add(position, fmt::format("{}: no collector has a metric {}", alert, word),
               "compute it where spans are stored, or use the span_metrics connector's");
  }
}

}  // namespace

bool is_rule_file(const ConfigNode& root) {
  const ConfigNode* groups = root.find("groups");
  return groups != nullptr && groups->is_list() && root.find("service") == nullptr;
}

std::vector<Finding> examine_rules(const ConfigNode& root, bool total_suffix) {
  std::vector<Finding> findings;
  for (const ConfigNode& group : root.find("groups")->items()) {
    const ConfigNode* rules = group.find("rules");
    if (rules == nullptr) continue;
    for (const ConfigNode& rule : rules->items()) {
      const ConfigNode* expression = rule.find("expr");
      if (expression == nullptr || !expression->is_scalar()) continue;
      const std::string alert = text_at(&rule, {"alert"}, text_at(&rule, {"record"}));
      for (const std::string& word : words_of(expression->text())) {
        examine_word(word, total_suffix, alert, expression->position(), findings);
      }
    }
  }
  return findings;
}

}  // namespace kernspan::doctor
