// Type `tail_sampling`: holds the spans of a trace until it is complete, or has had the time to be,
// and keeps or drops it as a whole. What is where: docs/tail_sampling.md.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/component/trace_door.h"
#include "pipeline/processors/memory_limiter/host_memory.h"
#include "pipeline/processors/tail_sampling/policies/policies.h"
#include "pipeline/processors/tail_sampling/shard_thread.h"

namespace kernspan {

ProcessorFactory tail_sampling_processor_factory();

namespace sampling {

// Books: spans are held until their trace is decided and the next component has taken them, or
// dropped by reason: not_sampled, dropped_by_policy, trace_too_large, dropped_too_early,
// pending_at_shutdown, permanent_error, shutdown.
class TailSamplingProcessor final : public Processor, private TraceHolder {
 public:
  // `replicas` may be null: then there are no others.
  TailSamplingProcessor(const ComponentContext& context, const TailSamplingSettings& settings,
                        std::vector<PolicySettings> policies, Consumer& next,
                        HostMemory memory = HostMemory("/"), ReplicaRing* replicas = nullptr);
  ~TailSamplingProcessor() override;

  Status start() override;
  // Decides on what is held, or drops it when that is configured, and passes on what is kept.
  void stop(std::chrono::steady_clock::time_point deadline) override;

  // Any thread. Waits a moment for room, then refuses with a retryable error.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override;

 private:
  struct ShardParts;

  // What the door lets in, and what it tells.
  Status room(const otlp::Batch& batch) override;
  void keep(otlp::Batch spans, const TraceHolder::Arrival& arrival) override;
  void keep_decided(std::span<const DecidedTrace> decided) override;
  void look_at_ring() override;
  std::uint64_t looked_at() const override;

  void give_up_foreign(Shard& shard, std::atomic<std::uint64_t>& looked_at);
  Status refusal(const char* reason);
  bool wait_for_room(std::uint64_t bytes);
  using Facts = std::shared_ptr<const std::vector<std::uint64_t>>;  // of a request's spans

  void hand_out(HeldRequest& request, std::uint64_t first_seen_ns, const Facts& facts);
  void hand_out_by_age(HeldRequest& request, const TraceHolder::Arrival& arrival,
                       const Facts& facts);

  const ComponentContext context_;
  const std::string path_;
  const TailSamplingSettings settings_;
  const std::vector<PolicySettings> policy_settings_;
  Consumer& next_;
  const Clock& clock_;
  const HostMemory host_memory_;
  SamplingCounters counters_;
  PolicyCounters policy_counters_;

  // Made by start().
  std::unique_ptr<HeldMemory> memory_;
  std::shared_ptr<const SpanFacts> facts_;  // of all policies
  std::vector<std::unique_ptr<ShardThread>> shards_;
  std::vector<std::atomic<std::uint64_t>> looked_at_;  // of each shard: the door's generation
  TraceDoor door_;
  std::atomic<bool> is_running_{false};
  std::atomic<std::uint64_t> callers_{0};  // in consume()
  std::atomic<std::uint64_t> next_sequence_{0};
};

}  // namespace sampling
}  // namespace kernspan
