#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

// otelcol_processor_tail_sampling_count_traces_sampled and ..._count_spans_sampled: what each
// policy has said, whatever became of the trace; ..._sampling_policy_evaluation_error. Shared by
// the shards of a processor. Any thread.
class PolicyCounters {
 public:
  // `processor_id` as configured: "tail_sampling/edge" puts "edge." in front of policies' names, as
  // upstream.
  PolicyCounters(const std::vector<PolicySettings>& settings, std::string_view processor_id,
                 Metrics& metrics);

  struct OfDecision {
    Counter& traces;
    Counter& spans;
  };
  // Of kNotSampled, kSampled and kDropped. `policy`: in the order of evaluation.
  const OfDecision& of(std::size_t policy, Decision decision) const {
    return policies_[policy][static_cast<std::size_t>(decision)];
  }
  // How often a policy was asked about a trace, errors included.
  Counter& executions(std::size_t policy) const { return *executions_[policy]; }
  Counter& errors() const { return errors_; }

 private:
  std::vector<std::array<OfDecision, 3>> policies_;
  std::vector<Counter*> executions_;  // by policy; never null
  Counter& errors_;
};

}  // namespace kernspan::sampling
