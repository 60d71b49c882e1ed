#include "agent/receiver/ebpf_config.h"

#include <algorithm>
#include <bit>
#include <chrono>

#include "agent/receiver/selector_settings.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

void read_wait(ConfigReader& reader, std::string_view key, std::uint64_t* value_ns,
               nanoseconds max) {
  nanoseconds value(static_cast<nanoseconds::rep>(*value_ns));
  reader.duration(key, &value, nanoseconds(0), max);
  *value_ns = static_cast<std::uint64_t>(value.count());
}

}  // namespace

void EbpfConfig::keep_annotations_for(const Selectors& selectors) {
  for (const std::string& key : selectors.annotation_keys()) {
    kubernetes.kubelet.fields.annotations.push_back(key);
  }
}

Result<EbpfConfig> EbpfConfig::read(const ConfigNode& node, ConfigWarnings& warnings,
                                    const std::string& path) {
  EbpfConfig config;
  ConfigReader reader(node, warnings, path);
  std::uint64_t ring_bytes = config.ring_buffer_bytes;
  reader.bytes("ring_buffer_size", &ring_bytes, 256u << 10, 1u << 30);
  if (!std::has_single_bit(ring_bytes)) {
    reader.error("ring_buffer_size",
                 "must be a power of two, as the kernel's ring buffers are: 4MiB, 8MiB, ...");
  }
  config.ring_buffer_bytes = static_cast<std::uint32_t>(ring_bytes);
  reader.duration("drain_interval", &config.drain_interval, milliseconds(1), seconds(1));
  reader.choice<std::string>("capture_variant", &config.capture_variant,
                             {{"auto", "auto"}, {"tracepoint", "tracepoint"}, {"fexit", "fexit"}});
  reader.string("record_file", &config.record_file);
  ConfigReader& uprobes = reader.section("uprobes");
  uprobes.boolean("grpc_go", &config.uprobes_grpc_go);
  uprobes.boolean("grpc_core", &config.uprobes_grpc_core);

  ConfigReader& budget = reader.section("overhead_budget");
  budget.number("max_cpus", &config.overhead_budget.max_cpus, 0, 1024);
  budget.number("min_probability", &config.overhead_budget.min_probability, 1.0 / 32768, 1);

  TracerSettings& tracer = config.tracer;
  reader.string_list("include_executables", &tracer.policy.include_executables);
  reader.string_list("exclude_executables", &tracer.policy.exclude_executables);
  reader.string_list("network_namespaces", &config.network_namespaces);
  SpanSettings http;
  reader.boolean("url_query", &http.url_query);
  http.read(reader.section("http"));
  tracer.spans = http.options();
  tracer.selectors =
      std::make_shared<const Selectors>(http.options(), read_selectors(reader, http));
  reader.string("selectors_file", &config.selectors_file);
  if (!config.selectors_file.empty() && reader.has("selectors")) {
    reader.error("selectors_file", "has the selectors; write them here or there, not both");
  }
  config.http = std::move(http);
  reader.boolean("cross_node_links", &tracer.links.across_nodes);
  reader.integer<std::size_t>("max_exchanges", &tracer.exchanges_max, 1024, 16u << 20);
  reader.integer<std::size_t>("max_connections", &tracer.connections_max, 1024, 16u << 20);
  read_wait(reader, "join_wait", &tracer.join_wait_ns, seconds(10));
  read_wait(reader, "confirm_wait", &tracer.confirm_wait_ns, minutes(5));
  read_wait(reader, "exchange_timeout", &tracer.exchange_timeout_ns, minutes(24 * 60));
  read_wait(reader, "stream_report_interval", &tracer.stream_report_interval_ns, minutes(24 * 60));
  if (reader.has("kubernetes")) {
    read_kubernetes_config(reader.section("kubernetes"), &config.kubernetes);
    config.keep_annotations_for(*tracer.selectors);
  } else if (std::ranges::any_of(tracer.selectors->rules(), [](const SelectorRule& rule) {
               return rule.match.asks_for_pod();
             })) {
    reader.warning("selectors", "rules that ask for pods never fit without a kubernetes section");
  }
  if (Status finished = reader.finish(); !finished) return std::unexpected(finished.error());
  return config;
}

}  // namespace kernspan
