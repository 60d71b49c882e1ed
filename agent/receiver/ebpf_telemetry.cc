#include "agent/receiver/ebpf_telemetry.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace kernspan {
namespace {

constexpr ks_counter kRingFull[] = {KS_COUNT_RING_FULL_TRANSFER, KS_COUNT_RING_FULL_CONNECT,
                                    KS_COUNT_RING_FULL_CLOSE,    KS_COUNT_RING_FULL_PROCESS,
                                    KS_COUNT_RING_FULL_CALL,     KS_COUNT_RING_FULL_SHED};

std::string malformed_reason(probes::Malformed reason) {
  return fmt::format("malformed_{}", probes::malformed_name(reason));
}

}  // namespace

EbpfTelemetry::EbpfTelemetry(const ComponentContext& context)
    : id_(context.id),
      records_(context.ledger.add_stage_before(context.books, context.id + "/ring", "records")),
      exchanges_(
          context.ledger.add_stage_before(context.books, context.id + "/exchanges", "exchanges")),
      spans_(context.books),
      accepted_(context.metrics.counter("otelcol_receiver_accepted_spans",
                                        "Number of spans successfully pushed into the pipeline.",
                                        {{"receiver", context.id}, {"transport", "ebpf"}})),
      refused_(
          context.metrics.counter("otelcol_receiver_refused_spans",
                                  "Number of spans that could not be pushed into the pipeline.",
                                  {{"receiver", context.id}, {"transport", "ebpf"}})),
      spans_dropped_(context.books.dropped("refused_downstream")),
      registration_(context.metrics.add_collector(
          [this](std::vector<MetricFamily>& families) { collect(families); })) {
  // Every reason is there from the start, at 0: alerts on drops then see the first one as well.
  for (const ks_counter reason : kRingFull) records_.dropped(probes::counter_name(reason));
  for (int i = 0; i < probes::kMalformedCount; ++i) {
    records_.dropped(malformed_reason(static_cast<probes::Malformed>(i)));
  }
  for (const std::string_view reason : {"exchange_limit", "pipeline_limit", "stream_limit"}) {
    exchanges_.dropped(reason);
  }
}

void EbpfTelemetry::publish(const Snapshot& now) {
  const std::lock_guard lock(mutex_);
  const Snapshot& before = published_;
  std::uint64_t taken = now.kernel[KS_COUNT_SUBMITTED] - before.kernel[KS_COUNT_SUBMITTED];
  const std::uint64_t read = now.dispatch.read() - before.dispatch.read();
  records_.hold(taken);
  for (const ks_counter reason : kRingFull) {
    const std::uint64_t lost = now.kernel[reason] - before.kernel[reason];
    if (lost > 0) records_.dropped(probes::counter_name(reason)).add(lost);
    taken += lost;
  }
  records_.take(taken);
  records_.release(read);
  records_.pass_on(now.dispatch.dispatched - before.dispatch.dispatched);
  for (std::size_t i = 0; i < now.dispatch.malformed.size(); ++i) {
    const std::uint64_t malformed = now.dispatch.malformed[i] - before.dispatch.malformed[i];
    if (malformed == 0) continue;
    records_.dropped(malformed_reason(static_cast<probes::Malformed>(i))).add(malformed);
  }

  const ConnCounters& conn = now.tracer.connections;
  const ConnCounters& conn_before = before.tracer.connections;
  exchanges_.take(conn.exchanges_opened - conn_before.exchanges_opened);
  exchanges_.hold(conn.exchanges_opened - conn_before.exchanges_opened);
  for (const auto& [reason, count] :
       {std::pair{"ignored", now.tracer.ignored_exchanges - before.tracer.ignored_exchanges},
        std::pair{"sampled_out",
                  now.tracer.sampled_out_exchanges - before.tracer.sampled_out_exchanges}}) {
    if (count == 0) continue;
    exchanges_.release(count);
    exchanges_.dropped(reason).add(count);
  }
  exchanges_.release(now.tracer.spans - before.tracer.spans);
  exchanges_.pass_on(now.tracer.spans - before.tracer.spans);
  // Requests without room were never opened; they are taken and dropped.
  for (const auto& [reason, count] :
       {std::pair{"exchange_limit", conn.exchange_limit - conn_before.exchange_limit},
        std::pair{"pipeline_limit", conn.pipeline_limit - conn_before.pipeline_limit},
        std::pair{"stream_limit", conn.stream_limit - conn_before.stream_limit}}) {
    if (count == 0) continue;
    exchanges_.take(count);
    exchanges_.dropped(reason).add(count);
  }
  const std::uint64_t spans = now.tracer.spans - before.tracer.spans + now.tracer.interim_spans -
                              before.tracer.interim_spans;
  spans_.take(spans);
  spans_.hold(spans);
  published_ = now;
}

void EbpfTelemetry::accepted(std::size_t spans) {
  spans_.release(spans);
  spans_.pass_on(spans);
  accepted_.add(spans);
}

void EbpfTelemetry::refused(std::size_t spans) {
  refused_.add(spans);
}

void EbpfTelemetry::dropped(std::size_t spans) {
  spans_.release(spans);
  spans_dropped_.add(spans);
}

MetricFamily EbpfTelemetry::cgroup_family(const Snapshot& now) const {
  MetricFamily family{.name = "kernspan_cgroups",
                      .help = "Cgroups whose containers were learnt or asked for, by outcome.",
                      .samples = {}};
  for (const auto& [outcome, count] :
       {std::pair<std::string_view, std::uint64_t>{"learnt", now.cgroups.learnt},
        {"path_cut", now.processes.cgroup_paths_cut},
        {"walk", now.cgroups.walks},
        {"walk_cut", now.cgroups.walks_cut},
        {"walk_blind", now.cgroups.walks_blind},
        {"unknown", now.cgroups.unknown},
        {"forgotten", now.cgroups.forgotten}}) {
    family.samples.push_back({.labels = {{"receiver", id_}, {"outcome", std::string(outcome)}},
                              .value = static_cast<double>(count)});
  }
  return family;
}

MetricFamily EbpfTelemetry::grpc_go_family(const golang::GrpcGoCounters& counters) const {
  MetricFamily family{.name = "kernspan_grpc_go_executables",
                      .help = "Executables of Go programs with HTTP/2 connections, by outcome.",
                      .samples = {}};
  const auto add = [&](std::string_view outcome, std::uint64_t count) {
    family.samples.push_back({.labels = {{"receiver", id_}, {"outcome", std::string(outcome)}},
                              .value = static_cast<double>(count)});
  };
  add("attached", counters.attached);
  add("detached", counters.detached);
  for (std::size_t i = 0; i < counters.refused.size(); ++i) {
    const std::string_view name = golang::refusal_name(static_cast<golang::Refusal>(i));
    add(fmt::format("refused_{}", name), counters.refused[i]);
  }
  add("attach_failed", counters.attach_failed);
  add("probed_limit", counters.probed_limit);
  add("executable_limit", counters.executable_limit);
  add("queue_full", counters.queue_full);
  add("process_gone", counters.process_gone);
  return family;
}

MetricFamily EbpfTelemetry::grpc_core_family(const grpc_core::OldProcessCounters& counters) const {
  MetricFamily family{.name = "kernspan_grpc_core_processes",
                      .help =
                          "Processes with gRPC's C core and connections that are older than "
                          "the agent, by outcome.",
                      .samples = {}};
  const auto add = [&](std::string outcome, std::uint64_t count) {
    family.samples.push_back({.labels = {{"receiver", id_}, {"outcome", std::move(outcome)}},
                              .value = static_cast<double>(count)});
  };
  add("attached", counters.attached);
  add("detached", counters.detached);
  for (std::size_t i = 0; i < counters.refused.size(); ++i) {
    const std::string_view name = grpc_core::refusal_name(static_cast<grpc_core::Refusal>(i));
    add(fmt::format("refused_{}", name), counters.refused[i]);
  }
  add("attach_failed", counters.attach_failed);
  add("process_limit", counters.process_limit);
  return family;
}

void EbpfTelemetry::collect_cost(std::vector<MetricFamily>& families, const Snapshot& now) const {
  constexpr double kSecondNs = 1e9;
  const auto add = [&](std::string name, std::string help, MetricType type, double value) {
    families.push_back({.name = std::move(name),
                        .help = std::move(help),
                        .type = type,
                        .samples = {{.labels = {{"receiver", id_}}, .value = value}}});
  };
  families.push_back(
      {.name = "kernspan_overhead_cpu_seconds",
       .help = "CPU time that the agent's process and its probes have used.",
       .samples = {{.labels = {{"receiver", id_}, {"part", "agent"}, {"method", "measured"}},
                    .value = static_cast<double>(now.cost.agent_ns) / kSecondNs},
                   {.labels = {{"receiver", id_},
                               {"part", "probes"},
                               {"method", std::string(now.cost.method())}},
                    .value = static_cast<double>(now.cost.probes_ns) / kSecondNs}}});
  add("kernspan_overhead_cpus", "CPUs that both together have used in the last second.",
      MetricType::kGauge, now.cost_cpus);
  add("kernspan_followed_probability",
      "The share of all connections that is followed; below 1 the overhead budget is used up.",
      MetricType::kGauge, now.followed_probability);
  add("kernspan_shed_connections",
      "Connections that were left out as the overhead was over its budget, each end by itself.",
      MetricType::kCounter, static_cast<double>(now.tracer.shed_connections));
}

void EbpfTelemetry::collect(std::vector<MetricFamily>& families) const {
  const std::lock_guard lock(mutex_);
  const Snapshot& now = published_;
  const auto sample = [this](std::string_view label, std::string_view value, std::uint64_t count) {
    return MetricSample{.labels = {{"receiver", id_}, {std::string(label), std::string(value)}},
                        .value = static_cast<double>(count)};
  };
  MetricFamily kernel{.name = "kernspan_capture_events",
                      .help = "What the kernel side did with transfers, by outcome.",
                      .samples = {}};
  for (std::size_t i = 0; i < now.kernel.size(); ++i) {
    kernel.samples.push_back(
        sample("outcome", probes::counter_name(static_cast<ks_counter>(i)), now.kernel[i]));
  }
  families.push_back(std::move(kernel));

  MetricFamily links{.name = "kernspan_span_links",
                     .help = "Parent links by evidence, and calls without one by reason.",
                     .samples = {}};
#define KERNSPAN_SAMPLE(field, name) \
  links.samples.push_back(sample("evidence", name, now.links.field));
  KERNSPAN_LINK_OUTCOMES(KERNSPAN_SAMPLE)
#undef KERNSPAN_SAMPLE
  families.push_back(std::move(links));

  families.push_back(
      {.name = "kernspan_node_links",
       .help = "Ends of requests whose other end was not seen on this node and may "
               "be on another one.",
       .samples = {sample("outcome", "traces_derived", now.links.traces_derived),
                   sample("outcome", "calls_announced", now.links.calls_announced)}});

  MetricFamily messages{.name = "kernspan_http1_messages",
                        .help = "What became of HTTP messages and exchanges, by outcome.",
                        .samples = {}};
#define KERNSPAN_SAMPLE(field, name) \
  messages.samples.push_back(sample("outcome", name, now.tracer.connections.field));
  KERNSPAN_CONN_COUNTERS(KERNSPAN_SAMPLE)
#undef KERNSPAN_SAMPLE
  families.push_back(std::move(messages));

  MetricFamily http2{.name = "kernspan_http2_events",
                     .help = "What came by on HTTP/2 connections, by outcome.",
                     .samples = {}};
#define KERNSPAN_SAMPLE(field, name) \
  http2.samples.push_back(sample("outcome", name, now.tracer.connections.http2.field));
  KERNSPAN_HTTP2_COUNTERS(KERNSPAN_SAMPLE)
#undef KERNSPAN_SAMPLE
  for (const DirectionCounter& counter : kDirectionCounters) {
    http2.samples.push_back(
        sample("outcome", counter.name, now.tracer.connections.directions.*counter.field));
  }
  families.push_back(std::move(http2));

  MetricFamily processes{.name = "kernspan_processes",
                         .help = "Processes that the agent looked at, by outcome.",
                         .samples = {}};
  for (const auto& [name, count] :
       {std::pair<std::string_view, std::uint64_t>{"read", now.processes.reads},
        {"degraded", now.processes.degraded_lookups},
        {"evicted_live", now.processes.evicted_live},
        {"evicted_exited", now.processes.evicted_exited},
        {"missed_exit", now.processes.missed_exits},
        {"pid_reused", now.processes.pid_reuses},
        {"container_changed", now.processes.container_changes},
        {"ignored_transfers", now.tracer.ignored_process}}) {
    processes.samples.push_back(sample("outcome", name, count));
  }
  families.push_back(std::move(processes));

  families.push_back(cgroup_family(now));
  families.push_back(grpc_go_family(now.grpc_go));
  families.push_back(grpc_core_family(now.grpc_core));
  collect_cost(families, now);
  add_selection(now, families);

  const auto gauge = [&](std::string name, std::string help, std::size_t value) {
    families.push_back(
        {.name = std::move(name),
         .help = std::move(help),
         .type = MetricType::kGauge,
         .samples = {{.labels = {{"receiver", id_}}, .value = static_cast<double>(value)}}});
  };
  gauge("kernspan_connections", "Connections that carry a known protocol.", now.connections);
  gauge("kernspan_exchanges_held", "Exchanges in flight or waiting to be written.",
        now.exchanges_held);
  gauge("kernspan_grpc_go_probed", "Executables that are probed for gRPC calls.",
        now.grpc_go_probed);
  gauge("kernspan_grpc_core_probed",
        "Processes that are probed for gRPC calls on connections older than the agent.",
        now.grpc_core_probed);
  gauge("kernspan_cgroups_known", "Cgroups whose containers are known.", now.cgroups_known);
  gauge("kernspan_processes_known", "Entries of the process table.", now.process_count);
  gauge("kernspan_resources_known",
        "Resources that are kept encoded: of programs that spans were written of lately.",
        now.resources_known);
  if (now.kubernetes) add_kubernetes_families(*now.kubernetes, id_, families);
  families.push_back({.name = "kernspan_causality_mispredictions",
                      .help = "Responses that the model of who works for whom got wrong.",
                      .samples = {{.labels = {{"receiver", id_}},
                                   .value = static_cast<double>(now.mispredictions)}}});
}

}  // namespace kernspan
