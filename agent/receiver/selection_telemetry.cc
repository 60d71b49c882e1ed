// What the receiver tells of selectors, and of what spans show.
#include <string>
#include <utility>
#include <vector>

#include "agent/receiver/ebpf_telemetry.h"

namespace kernspan {

void EbpfTelemetry::add_selection(const Snapshot& now, std::vector<MetricFamily>& families) const {
  const auto add = [&](std::string name, std::string help,
                       std::vector<std::pair<std::string, std::uint64_t>> outcomes) {
    MetricFamily family{.name = std::move(name), .help = std::move(help), .samples = {}};
    for (auto& [outcome, count] : outcomes) {
      family.samples.push_back({.labels = {{"receiver", id_}, {"outcome", std::move(outcome)}},
                                .value = static_cast<double>(count)});
    }
    families.push_back(std::move(family));
  };
  add("kernspan_selected_exchanges", "Exchanges of which selectors let no span be written.",
      {{"ignored", now.tracer.ignored_exchanges},
       {"sampled_out", now.tracer.sampled_out_exchanges},
       {"interim_left_out", now.tracer.ignored_interim}});
  add("kernspan_selectors_file_reads", "Times that the file of selectors had changed, by outcome.",
      {{"taken", now.selectors_file.taken}, {"refused", now.selectors_file.refused}});
  add("kernspan_captured_headers",
      "Values of captured header fields that are not shown as they came.",
      {{"too_long", now.headers.too_long},
       {"too_many", now.headers.too_many},
       {"no_room", now.headers.no_room},
       {"cut", now.content.header_values_cut},
       {"redacted", now.content.header_values_redacted}});
  add("kernspan_guessed_path_templates", "Path templates that were guessed, beyond their bounds.",
      {{"bounded", now.content.templates_bounded}, {"forgotten", now.forgotten_templates}});
  families.push_back(
      {.name = "kernspan_reselected_processes",
       .help = "Processes of which selectors have changed their minds.",
       .samples = {{.labels = {{"receiver", id_}},
                    .value = static_cast<double>(now.tracer.reselected_processes)}}});
  const auto gauge = [&](std::string name, std::string help, std::size_t value) {
    families.push_back(
        {.name = std::move(name),
         .help = std::move(help),
         .type = MetricType::kGauge,
         .samples = {{.labels = {{"receiver", id_}}, .value = static_cast<double>(value)}}});
  };
  gauge("kernspan_path_templates", "Path templates that are guessed.", now.guessed_templates);
  gauge("kernspan_captured_header_bytes", "What captured header fields take.", now.headers.bytes);
  gauge("kernspan_selectors_file_is_refused",
        "1 while the file of selectors is not the one in force, because it is not valid.",
        now.selectors_file.is_refused ? 1 : 0);
}

}  // namespace kernspan
