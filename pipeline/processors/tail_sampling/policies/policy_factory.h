#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/combining_policies.h"
#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/span_facts.h"

namespace kernspan::sampling {

// Makes the policies of one shard. What they ask of each span is added to `facts`; what else they
// look up goes through `scan`. Both outlive them.
class PolicyFactory {
 public:
  PolicyFactory(TraceScan& scan, SpanFacts& facts, std::size_t shards)
      : scan_(scan), facts_(facts), shards_(shards) {}

  std::unique_ptr<Policy> make(const PolicySettings& settings);

  // Whether one of those that were made needs more than facts.
  bool looks_at_spans() const { return looks_at_spans_; }

 private:
  struct Maker;

  PolicyParts make_parts(const std::vector<PolicySettings>& settings);
  std::unique_ptr<Policy> make_composite(const CompositeSettings& settings);

  TraceScan& scan_;
  SpanFacts& facts_;
  bool looks_at_spans_ = false;
  const std::size_t shards_;
  Axes axes_;
};

}  // namespace kernspan::sampling
