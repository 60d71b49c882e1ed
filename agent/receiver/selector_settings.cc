#include "agent/receiver/selector_settings.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "pipeline/base/log.h"
#include "pipeline/component/config_file.h"
#include "pipeline/component/config_yaml.h"

namespace kernspan {
namespace {

// As the collector's probabilistic sampler: a relative error below 1/4096.
constexpr int kSamplingPrecision = 4;

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// "8080" or "9000-9010".
std::optional<SelectorMatch::Ports> parse_ports(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = parse_port(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return SelectorMatch::Ports{.first = *first, .last = *last};
}

void read_ports(ConfigReader& reader, std::vector<SelectorMatch::Ports>* ports) {
  std::vector<std::string> texts;
  reader.string_list("server_port", &texts);
  for (const std::string& text : texts) {
    if (const auto range = parse_ports(text)) {
      ports->push_back(*range);
    } else {
      reader.error("server_port",
                   fmt::format("\"{}\" is no port, and no range like 9000-9010", text));
    }
  }
}

// Names to patterns: {app: "cart*"}.
void read_pairs(ConfigReader& reader, std::string_view key,
                std::vector<std::pair<std::string, std::string>>* pairs) {
  const ConfigNode* node = reader.node(key);
  if (!node || node->is_null()) return;
  if (!node->is_map()) return reader.error(key, "must be a map of names to patterns");
  for (const ConfigEntry& entry : node->entries()) {
    if (entry.value.is_scalar()) {
      pairs->emplace_back(entry.key, entry.value.text());
    } else {
      reader.error(key, fmt::format("{}: must be a pattern, like \"*\"", entry.key));
    }
  }
}

SelectorMatch read_match(ConfigReader& reader) {
  SelectorMatch match;
  reader.string_list("executable", &match.executables);
  if (reader.has("in_pod")) {
    bool in_pod = false;
    reader.boolean("in_pod", &in_pod);
    match.in_pod = in_pod;
  }
  reader.string_list("k8s_namespace", &match.namespaces);
  reader.string_list("k8s_pod_name", &match.pods);
  reader.string_list("k8s_deployment_name", &match.deployments);
  reader.string_list("k8s_owner", &match.owners);
  reader.string_list("k8s_container_name", &match.containers);
  reader.string_list("container_image", &match.images);
  read_pairs(reader, "k8s_pod_labels", &match.labels);
  read_pairs(reader, "k8s_pod_annotations", &match.annotations);
  read_ports(reader, &match.ports);
  return match;
}

SelectorRule read_rule(ConfigReader& reader, std::size_t index, const SpanSettings& defaults) {
  SelectorRule rule;
  rule.name = fmt::format("{}", index);
  reader.string("name", &rule.name);
  reader.choice<SelectorAction>(
      "action", &rule.action,
      {{"trace", SelectorAction::kTrace}, {"ignore", SelectorAction::kIgnore}});
  rule.match = read_match(reader.section("match"));
  double ratio = 1;
  reader.number("sampling_ratio", &ratio, 0, 1);
  if (const auto threshold = Threshold::of_probability(ratio, kSamplingPrecision)) {
    rule.sampling = *threshold;
  } else {
    reader.error("sampling_ratio", "is too small: write action: ignore to trace nothing");
  }
  SpanSettings http = defaults;
  http.read(reader.section("http"));
  rule.spans = http.options();
  const bool is_shown = reader.has("sampling_ratio") || reader.has("http");
  if (rule.action == SelectorAction::kIgnore && is_shown) {
    reader.warning("action",
                   "sampling_ratio and http have no effect where nothing is traced, but "
                   "for pods whose annotation asks for it");
  }
  return rule;
}

}  // namespace

std::vector<SelectorRule> read_selectors(ConfigReader& reader, const SpanSettings& defaults) {
  std::vector<SelectorRule> rules;
  for (ConfigReader* rule : reader.sections("selectors")) {
    rules.push_back(read_rule(*rule, rules.size() + 1, defaults));
  }
  if (rules.size() > kSelectorsMax) {
    reader.error("selectors", fmt::format("at most {} rules are looked at", kSelectorsMax));
  }
  return rules;
}

Result<std::shared_ptr<const Selectors>> load_selectors(const std::string& path,
                                                        const SpanSettings& defaults) {
  const Result<std::string> text = read_included_file(path);
  if (!text) return std::unexpected(text.error());
  ConfigWarnings warnings;
  const Result<ConfigNode> node = parse_config(*text, path, process_environment(), warnings);
  if (!node) return std::unexpected(node.error());
  // An empty file is more likely half of a change than the wish to trace all.
  if (node->is_null()) {
    return permanent(fmt::format("{}: is empty; write selectors: [] if no rule is meant", path));
  }
  ConfigReader reader(*node, warnings);
  SpanSettings http = defaults;
  http.read(reader.section("http"));
  std::vector<SelectorRule> rules = read_selectors(reader, http);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  for (const std::string& warning : warnings.messages) log_warn("ebpf: {}", warning);
  return std::make_shared<const Selectors>(http.options(), std::move(rules));
}

}  // namespace kernspan
