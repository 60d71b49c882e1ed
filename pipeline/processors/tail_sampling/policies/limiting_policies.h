// Policies that sample what a rate allows. The probability that goes with their samples is the share
// that was granted lately: no trace is more likely to find room than another of its size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/policies/token_bucket.h"

namespace kernspan::sampling {

// A shard's part of a rate: at least 1, unless all of it is 0.
std::int64_t rate_of_shard(std::int64_t rate, std::size_t shards);

class RateLimitingPolicy final : public Policy {
 public:
  RateLimitingPolicy(const RateLimitingSettings& settings, std::size_t shards, Axis own);

  Decision decide(const Question& question) override;
  Chance chance(const Question&) override { return Chance::of(granted_.value(), axis_, true); }

 private:
  TokenBucket bucket_;
  GrantedShare granted_;
  const Axis axis_;
};

class BytesLimitingPolicy final : public Policy {
 public:
  BytesLimitingPolicy(const BytesLimitingSettings& settings, std::size_t shards, Axis own);

  Decision decide(const Question& question) override;
  Chance chance(const Question&) override { return Chance::of(granted_.value(), axis_, true); }

 private:
  TokenBucket bucket_;
  GrantedShare granted_;
  const Axis axis_;
};

}  // namespace kernspan::sampling
