// The policies of one tail_sampling processor: read once, then one Policies per shard, because
// rates and caches are state that shards do not share.
//
//   std::vector<PolicySettings> settings = read_policies(reader);         // the processor's section
//   Policies policies(settings, {.shards = 4}, counters);                 // per shard
//   Verdict verdict = policies.decide(trace, clock.monotonic_ns());
//   policies.publish_counts();                                            // once per round
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_counters.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/policies/verdict.h"
#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

struct PoliciesOptions {
  // The first policy that samples ends the evaluation; policies behind it are not asked and not
  // counted. Drop policies are always asked first.
  bool sample_on_first_match = false;
  // Rates are divided by it: each shard sees its share of the traces.
  std::size_t shards = 1;
};

// One thread: that of the shard.
class Policies {
 public:
  // `counters` are shared by the shards and outlive this; the settings are not needed afterwards.
  Policies(const std::vector<PolicySettings>& settings, const PoliciesOptions& options,
           PolicyCounters& counters);
  ~Policies();
  Policies(Policies&&) noexcept;
  Policies& operator=(Policies&&) noexcept;

  // `now_ns` is monotonic and moves the rates. Takes from the rates of limiting policies and
  // counts: once per trace and decision.
  Verdict decide(const TraceView& trace, std::uint64_t now_ns);

  // In the order of evaluation: drop policies first, then as configured.
  std::size_t size() const { return policies_.size(); }
  std::string_view name(std::size_t policy) const;

  // Adds what decide() has counted since the last call to the counters.
  void publish_counts();

 private:
  struct Entry;

  PoliciesOptions options_;
  PolicyCounters* counters_;
  std::vector<Entry> policies_;
  std::unique_ptr<TraceScan> scan_;
};

}  // namespace kernspan::sampling
