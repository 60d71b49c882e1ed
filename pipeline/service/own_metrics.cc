#include "pipeline/service/own_metrics.h"

#include <fmt/format.h>

#include <array>
#include <random>
#include <string_view>

namespace kernspan {
namespace {

// RFC 9562, version 4.
std::string random_uuid() {
  std::random_device random;
  std::array<std::uint32_t, 4> words{};
  for (std::uint32_t& word : words) word = random();
  words[1] = (words[1] & 0xFFFF0FFFU) | 0x4000U;
  words[2] = (words[2] & 0x3FFFFFFFU) | 0x80000000U;
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", words[0], words[1] >> 16,
                     words[1] & 0xFFFF, words[2] >> 16, words[2] & 0xFFFF, words[3]);
}

// Prometheus knows letters, digits and underscores.
std::string label_name(std::string_view attribute) {
  std::string name(attribute);
  for (char& c : name) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!fits) c = '_';
  }
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) name.insert(name.begin(), '_');
  return name;
}

struct Kind {
  std::string_view section;
  std::string_view name;
  bool consumes;
  bool produces;
};
constexpr std::array kKinds = {
    Kind{"receivers/", "receiver", false, true}, Kind{"processors/", "processor", true, true},
    Kind{"exporters/", "exporter", true, false}, Kind{"connectors/", "connector", true, true}};

void add_samples(const Kind& kind, const StageBalance& stage, MetricFamily& consumed,
                 MetricFamily& produced) {
  std::string_view id = std::string_view(stage.stage).substr(kind.section.size());
  MetricLabels labels{{"otelcol_component_kind", std::string(kind.name)}};
  if (const std::size_t blank = id.find(" ("); blank != std::string_view::npos) {
    labels.emplace("otelcol_pipeline_id", id.substr(blank + 2, id.size() - blank - 3));
    id = id.substr(0, blank);
  }
  labels.emplace("otelcol_component_id", id);
  const auto sample = [&labels](const char* outcome, std::uint64_t value) {
    MetricLabels with_outcome = labels;
    with_outcome.emplace("outcome", outcome);
    return MetricSample{std::move(with_outcome), static_cast<double>(value)};
  };
  if (kind.consumes) {
    consumed.samples.push_back(sample("success", stage.taken));
    consumed.samples.push_back(sample("refused", stage.refused));
  }
  if (kind.produces) produced.samples.push_back(sample("success", stage.passed_on));
  if (kind.produces && !kind.consumes) {
    produced.samples.push_back(sample("refused", stage.refused));
  }
}

}  // namespace

Metrics::Registration add_target_info(Metrics& metrics, const TelemetrySettings& settings) {
  std::map<std::string, std::string> resource = {{"service.name", "kernspan"},
                                                 {"service.version", KERNSPAN_VERSION},
                                                 {"service.instance.id", random_uuid()}};
  for (const auto& [name, value] : settings.resource) resource[name] = value;
  MetricLabels labels;
  for (const auto& [name, value] : resource) {
    if (!value.empty()) labels.emplace(label_name(name), value);
  }
  return metrics.add_collector([labels](std::vector<MetricFamily>& families) {
    families.push_back({.name = "target_info",
                        .help = "The resource of this program.",
                        .type = MetricType::kGauge,
                        .samples = {{labels, 1}}});
  });
}

void collect_items(const Ledger& ledger, std::vector<MetricFamily>& families) {
  const std::vector<StageBalance> stages = ledger.balances();
  for (const Kind& kind : kKinds) {
    const auto family = [&kind](const char* what, const char* help) {
      return MetricFamily{.name = fmt::format("otelcol_{}_{}_items", kind.name, what),
                          .help = help,
                          .type = MetricType::kCounter,
                          .samples = {}};
    };
    MetricFamily consumed = family("consumed", "Items that were handed to the component.");
    MetricFamily produced = family("produced", "Items that the component handed on.");
    for (const StageBalance& stage : stages) {
      if (stage.stage.starts_with(kind.section)) add_samples(kind, stage, consumed, produced);
    }
    for (MetricFamily* made : {&consumed, &produced}) {
      if (!made->samples.empty()) families.push_back(std::move(*made));
    }
  }
}

}  // namespace kernspan
