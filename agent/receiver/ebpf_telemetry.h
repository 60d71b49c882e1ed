// The receiver's books and metrics. The tracer's counters belong to its thread; what others read is
// a copy that the thread publishes.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/golang/grpc_go_executables.h"
#include "agent/grpc_core/old_processes.h"
#include "agent/probes/event_source.h"
#include "agent/receiver/kubernetes_telemetry.h"
#include "agent/receiver/own_cost.h"
#include "agent/receiver/record_dispatch.h"
#include "agent/receiver/selectors_file.h"
#include "agent/receiver/tracer.h"
#include "pipeline/component/factory.h"

namespace kernspan {

class EbpfTelemetry {
 public:
  explicit EbpfTelemetry(const ComponentContext& context);

  // Everything that is counted between the kernel and the next consumer, at one moment.
  struct Snapshot {
    probes::KernelCounters kernel{};
    DispatchCounters dispatch;
    TracerCounters tracer;
    LinkCounters links;
    process::ProcessCounters processes;
    kube::CgroupCounters cgroups;
    std::uint64_t mispredictions = 0;
    SpanContentCounters content;
    HeaderBudget headers;
    std::size_t guessed_templates = 0;
    std::uint64_t forgotten_templates = 0;
    SelectorsFileCounters selectors_file;
    std::size_t connections = 0;
    std::size_t exchanges_held = 0;
    std::size_t process_count = 0;
    std::size_t resources_known = 0;
    std::size_t cgroups_known = 0;
    golang::GrpcGoCounters grpc_go;
    std::size_t grpc_go_probed = 0;
    std::optional<KubernetesSnapshot> kubernetes;  // none: without a `kubernetes` section
    grpc_core::OldProcessCounters grpc_core;
    std::size_t grpc_core_probed = 0;
    OwnCost cost;
    double cost_cpus = 0;
    double followed_probability = 1;
  };

  // Brings the books up to date; the tracer's thread only. Counters must not have gone back.
  void publish(const Snapshot& snapshot);

  void accepted(std::size_t spans);
  void refused(std::size_t spans);  // by the next consumer; they are kept
  void dropped(std::size_t spans);  // given up after having been refused

 private:
  void collect(std::vector<MetricFamily>& families) const;
  void add_selection(const Snapshot& now, std::vector<MetricFamily>& families) const;
  MetricFamily cgroup_family(const Snapshot& now) const;
  MetricFamily grpc_go_family(const golang::GrpcGoCounters& counters) const;
  void collect_cost(std::vector<MetricFamily>& families, const Snapshot& now) const;
  MetricFamily grpc_core_family(const grpc_core::OldProcessCounters& counters) const;

  const std::string id_;
  StageBooks& records_;
  StageBooks& exchanges_;
  StageBooks& spans_;
  Counter& accepted_;
  Counter& refused_;
  Counter& spans_dropped_;
  mutable std::mutex mutex_;
  Snapshot published_;  // guarded by mutex_
  Metrics::Registration registration_;
};

}  // namespace kernspan
