#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

// otelcol_processor_tail_sampling_count_traces_sampled and ..._count_spans_sampled by policy, and
// ..._sampling_policy_evaluation_error. Shared by the shards of a processor. Any thread.
class PolicyCounters {
 public:
  // `processor_id` as configured: "tail_sampling/edge" puts "edge." in front of policies' names, as
  // upstream.
  PolicyCounters(const std::vector<PolicySettings>& settings, std::string_view processor_id,
                 Metrics& metrics);

  static constexpr std::size_t kDecisions = 3;  // not sampled, sampled, dropped
  struct OfPolicy {
    std::array<Counter*, kDecisions> traces{};
    std::array<Counter*, kDecisions> spans{};
  };
  const OfPolicy& of(std::size_t policy) const { return policies_[policy]; }
  Counter& errors() { return *errors_; }

 private:
  std::vector<OfPolicy> policies_;  // in the order of evaluation
  Counter* errors_;
};

}  // namespace kernspan::sampling
