#include "tools/kernspan/doctor/diagnosis.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "pipeline/base/clock.h"
#include "pipeline/service/component_check.h"
#include "pipeline/service/config_loader.h"
#include "pipeline/service/effective_config.h"
#include "pipeline/service/settings.h"
#include "tools/kernspan/doctor/alert_rules.h"
#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {
namespace {

// The points of the catalogue that translations stand for.
struct TranslatedPoint {
  std::string_view rule;
  int point;
};
constexpr std::array kTranslatedPoints = {
    TranslatedPoint{"extension_among_exporters", 1},  TranslatedPoint{"extension_not_enabled", 2},
    TranslatedPoint{"processor_became_connector", 3}, TranslatedPoint{"repeated_dimension", 4},
    TranslatedPoint{"connector_not_fed", 5},          TranslatedPoint{"failover_primary", 6},
    TranslatedPoint{"require_client_auth", 7},        TranslatedPoint{"metrics_address", 8},
    TranslatedPoint{"detector_kubernetes", 9},        TranslatedPoint{"detector_k8snode", 10},
    TranslatedPoint{"plain_as_string", 12},
};
constexpr int kFragment = 34;

// "file:line:column: message" in two. Where there is no place, all of it is the message.
std::pair<std::string, std::string> split_place(const std::string& line) {
  const std::size_t end = line.find(": ");
  if (end == std::string::npos) return {"", line};
  return {line.substr(0, end), line.substr(end + 2)};
}

// What a problem's message says and what it says to do about it: "path: what; fix", or
// "path: what: fix".
std::pair<std::string, std::string> split_fix(const std::string& message) {
  std::size_t end = message.rfind("; ");
  if (end == std::string::npos) {
    end = message.rfind(": ");
    if (end == message.find(": ")) return {message, "write what is expected there"};
  }
  return {message.substr(0, end), message.substr(end + 2)};
}

class Diagnosis {
 public:
  Diagnosis(const Environment& environment, const Registry& registry, Circumstances circumstances)
      : environment_(environment), registry_(registry), circumstances_(circumstances) {}

  Result<std::vector<Finding>> run(const std::vector<std::string>& sources) {
    std::vector<std::string> configs;
    std::vector<ConfigNode> rule_files;
    for (const std::string& source : sources) {
      ConfigWarnings ignored;
      Result<ConfigNode> root = load_config({source}, environment_, ignored);
      if (!root) return std::unexpected(root.error());
      if (is_rule_file(*root)) {
        rule_files.push_back(*std::move(root));
      } else {
        configs.push_back(source);
      }
    }
    bool total_suffix = false;
    if (!configs.empty()) {
      if (Status examined = examine_configs(configs, total_suffix); !examined) {
        return std::unexpected(examined.error());
      }
    }
    for (const ConfigNode& rules : rule_files) add(examine_rules(rules, total_suffix));
    return std::move(findings_);
  }

 private:
  void add(std::vector<Finding> findings) {
    findings_.insert(findings_.end(), std::make_move_iterator(findings.begin()),
                     std::make_move_iterator(findings.end()));
  }

  Status examine_configs(const std::vector<std::string>& sources, bool& total_suffix) {
    ConfigWarnings warnings;
    const Result<ConfigNode> root =
        load_effective_config(sources, environment_, registry_, {}, warnings);
    if (!root) return std::unexpected(root.error());
    find_fragments(*root);
    ServiceSettings settings;
    const SystemClock clock;
    add_problems(read_settings(*root, registry_, warnings, settings));
    add_problems(check_components(settings, registry_, clock, warnings));
    total_suffix = settings.telemetry.total_suffix;
    add_deviations(warnings);
    add(examine(Subject(*root, circumstances_)));
    for (const std::string& message : warnings.messages) {
      const auto [where, what] = split_place(message);
      const auto [reason, fix] = split_fix(what);
      findings_.push_back({"note", 0, Severity::kInfo, where, reason, fix});
    }
    return {};
  }

  void find_fragments(const ConfigNode& root) {
    std::vector<std::string_view> missing;
    for (const std::string_view section : {"receivers", "exporters", "service"}) {
      const bool has_connectors = section != "service" && root.find("connectors") != nullptr;
      if (root.find(section) == nullptr && !has_connectors) missing.push_back(section);
    }
    if (missing.empty()) return;
    is_fragment_ = true;
    findings_.push_back(
        {"fragment", kFragment, Severity::kError, root.position().to_string(),
         fmt::format("a part of a configuration: it has no {}", fmt::join(missing, ", no ")),
         "give the other parts too: --config BASE --config FRAGMENT, merged in this order"});
  }

  // A line for each.
  void add_problems(const Status& status) {
    if (status) return;
    std::string_view lines = status.error().message;
    while (!lines.empty()) {
      const std::size_t end = std::min(lines.find('\n'), lines.size());
      add_problem(std::string(lines.substr(0, end)));
      lines.remove_prefix(std::min(end + 1, lines.size()));
    }
  }

  void add_problem(const std::string& line) {
    const auto [where, what] = split_place(line);
    const bool is_of_fragment = what.starts_with("no ") || what.contains("at least one pipeline");
    if (is_fragment_ && is_of_fragment) return;  // said already
    const auto [reason, fix] = split_fix(what);
    const bool is_unbuilt = reason.contains("is not part of this version");
    findings_.push_back(
        {is_unbuilt ? "not_in_this_version" : "refused", 0, Severity::kError, where, reason, fix});
  }

  void add_deviations(const ConfigWarnings& warnings) {
    for (const ConfigDeviation& deviation : warnings.deviations) {
      const auto row = std::ranges::find(kTranslatedPoints, deviation.rule, &TranslatedPoint::rule);
      findings_.push_back({std::string(deviation.rule),
                           row == kTranslatedPoints.end() ? 0 : row->point, Severity::kWarning,
                           deviation.position.to_string(),
                           fmt::format("{}; the collector refuses that, and here it is {}",
                                       deviation.what, deviation.read_as),
                           deviation.fix});
    }
  }

  const Environment& environment_;
  const Registry& registry_;
  const Circumstances circumstances_;
  std::vector<Finding> findings_;
  bool is_fragment_ = false;
};

}  // namespace

Result<std::vector<Finding>> diagnose(const std::vector<std::string>& sources,
                                      const Environment& environment, const Registry& registry,
                                      Circumstances circumstances) {
  return Diagnosis(environment, registry, circumstances).run(sources);
}

}  // namespace kernspan::doctor
