#include "gateway/stitch/stitch_gauges.h"

#include <utility>

namespace kernspan::stitch {
namespace {

// Names of nodes come from outside: of all pairs only the worst are shown.
constexpr std::size_t kShownPairs = 20;

}  // namespace

MetricFamily gauge_family(std::string name, std::string help, MetricLabels labels, double value) {
  return {.name = std::move(name),
          .help = std::move(help),
          .type = MetricType::kGauge,
          .samples = {{.labels = std::move(labels), .value = value}}};
}

void collect_gauges(const StitchTable& table, const StitchSettings& settings,
                    const MetricLabels& labels, std::vector<MetricFamily>& families) {
  const auto add = [&](const char* name, const char* help, auto value) {
    families.push_back(gauge_family(name, help, labels, static_cast<double>(value)));
  };
  add("kernspan_stitch_waiting_traces", "Derived traces that wait for their announcement.",
      table.waiting_traces());
  add("kernspan_stitch_waiting_traces_limit", "max_waiting_traces.", settings.max_waiting_traces);
  add("kernspan_stitch_waiting_bytes", "Bytes of the spans that wait.", table.waiting_bytes());
  add("kernspan_stitch_waiting_bytes_limit", "max_waiting_bytes.", settings.max_waiting_bytes);
  add("kernspan_stitch_waiting_announcements", "Announcements of which no span has come yet.",
      table.announcements());
  add("kernspan_stitch_waiting_announcements_limit", "max_announcements.",
      settings.max_announcements);
  add("kernspan_stitch_remembered_traces", "Derived traces whose late spans would be known.",
      table.remembered_traces());
  add("kernspan_stitch_remembered_traces_limit", "max_remembered_traces.",
      settings.max_remembered_traces);
  add("kernspan_stitch_node_pairs", "Pairs of nodes whose clocks were compared.",
      table.clock_skew().pairs());
  MetricFamily skew{.name = "kernspan_stitch_clock_skew_ns",
                    .help = "How far peer's clock is ahead of node's, of the pairs with most.",
                    .type = MetricType::kGauge,
                    .samples = {}};
  for (const ClockSkew::Known& known : table.clock_skew().largest(kShownPairs)) {
    MetricSample sample{.labels = labels, .value = static_cast<double>(known.offset.middle_ns())};
    sample.labels["node"] = known.node;
    sample.labels["peer"] = known.peer;
    skew.samples.push_back(std::move(sample));
  }
  if (!skew.samples.empty()) families.push_back(std::move(skew));
}

}  // namespace kernspan::stitch
