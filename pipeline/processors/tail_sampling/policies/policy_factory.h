#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/combining_policies.h"
#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

// Makes the policies of one shard. They look attributes up through `scan`, which outlives them.
class PolicyFactory {
 public:
  PolicyFactory(TraceScan& scan, std::size_t shards) : scan_(scan), shards_(shards) {}

  std::unique_ptr<Policy> make(const PolicySettings& settings);

 private:
  struct Maker;

  PolicyParts make_parts(const std::vector<PolicySettings>& settings);
  std::unique_ptr<Policy> make_composite(const CompositeSettings& settings);

  TraceScan& scan_;
  const std::size_t shards_;
  Axes axes_;
};

}  // namespace kernspan::sampling
