// The `ebpf` receiver: drains the ring on a timer, traces, and passes batches of spans on. One
// thread does all of that; nothing between the ring and the next consumer takes a lock.
//
// The ledger has three stages for it: records of the kernel side, exchanges, and the receiver's own
// spans.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/golang/grpc_go_watch.h"
#include "agent/grpc_core/old_process_watch.h"
#include "agent/probes/capture.h"
#include "agent/probes/recording.h"
#include "agent/receiver/ebpf_config.h"
#include "agent/receiver/ebpf_telemetry.h"
#include "agent/receiver/overhead_budget.h"
#include "agent/receiver/own_cost.h"
#include "agent/receiver/record_dispatch.h"
#include "agent/receiver/selectors_file.h"
#include "agent/receiver/tracer.h"
#include "pipeline/component/factory.h"

namespace kernspan {

class EbpfReceiver final : public Receiver {
 public:
  static Result<std::unique_ptr<Receiver>> create(const ConfigNode& node,
                                                  const ComponentContext& context, Consumer& next);
  ~EbpfReceiver() override;

  // Loads and attaches; fails with what is missing (kernel feature, capability) and what to do.
  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;

 private:
  EbpfReceiver(EbpfConfig config, const ComponentContext& context, Consumer& next);

  Status find_network_namespaces();
  Status read_selectors_file();
  void watch_grpc_go();
  void watch_grpc_core();
  void ask_kubelet(const std::string& host_name);
  void run(std::stop_token stop);
  // One turn: drain, write due spans; with `pass` also pass them on and publish the counters. Returns the
  // number of records.
  std::size_t turn(bool pass);
  void publish();
  // Once a second, for the books; sheds or takes back.
  void keep_budget(std::uint64_t now_ns);
  std::optional<KubernetesSnapshot> kubernetes_snapshot() const;
  void pass_on(otlp::Batch batch);
  void retry_held();

  // Batches that the next consumer refused for now; beyond this they are dropped and counted.
  static constexpr std::size_t kHeldBytesMax = 8u << 20;

  EbpfConfig config_;
  const Clock& clock_;
  Consumer& next_;
  EbpfTelemetry telemetry_;

  std::unique_ptr<probes::Capture> source_;
  std::unique_ptr<golang::GrpcGoWatch> grpc_go_;           // null: switched off, or not possible
  std::unique_ptr<grpc_core::OldProcessWatch> grpc_core_;  // the same
  std::unique_ptr<SelectorsFile> selectors_file_;          // only when one is set
  std::unique_ptr<process::ProcessTable> processes_;
  // Null without a `kubernetes` section.
  std::unique_ptr<kube::PodDirectory> pods_;
  std::unique_ptr<kube::KubeletClient> kubelet_;
  std::unique_ptr<PodEnrichment> enrichment_;
  std::unique_ptr<PeerNames> peer_names_;  // null: switched off as well
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<RecordDispatch> dispatch_;
  OverheadBudget budget_;
  OwnCost cost_;
  std::uint64_t cost_read_ns_ = 0;
  std::unique_ptr<probes::Recorder> recorder_;  // only when a record_file is set
  otlp::RequestEncoder encoder_;
  std::deque<otlp::Batch> held_;
  std::size_t held_bytes_ = 0;
  std::jthread thread_;
};

// The row of the receiver in a tier's registry.
ReceiverFactory ebpf_receiver_factory();

}  // namespace kernspan
