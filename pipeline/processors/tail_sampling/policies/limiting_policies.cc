#include "pipeline/processors/tail_sampling/policies/limiting_policies.h"

#include <algorithm>

namespace kernspan::sampling {
namespace {

// The capacity is not divided: a whole trace must fit into one shard's.
TokenBucket bucket_of(std::int64_t rate, std::int64_t capacity, std::size_t shards) {
  const auto per_second = static_cast<double>(rate_of_shard(rate, shards));
  return {per_second, capacity > 0 ? static_cast<double>(capacity) : 2 * per_second};
}

Decision decide_with(TokenBucket& bucket, GrantedShare& share, std::uint64_t count,
                     std::uint64_t now_ns) {
  const auto tokens = static_cast<double>(count);
  const bool granted = bucket.take(tokens, now_ns);
  share.add(tokens, granted, now_ns);
  return granted ? Decision::kSampled : Decision::kNotSampled;
}

}  // namespace

std::int64_t rate_of_shard(std::int64_t rate, std::size_t shards) {
  if (rate <= 0 || shards <= 1) return rate;
  return std::max<std::int64_t>(1, rate / static_cast<std::int64_t>(shards));
}

RateLimitingPolicy::RateLimitingPolicy(const RateLimitingSettings& settings, std::size_t shards,
                                       Axis own)
    : bucket_(bucket_of(settings.spans_per_second, settings.burst_capacity, shards)), axis_(own) {}

Decision RateLimitingPolicy::decide(const Question& question) {
  return decide_with(bucket_, granted_, question.trace.span_count(), question.now_ns);
}

BytesLimitingPolicy::BytesLimitingPolicy(const BytesLimitingSettings& settings, std::size_t shards,
                                         Axis own)
    : bucket_(bucket_of(settings.bytes_per_second, settings.burst_capacity, shards)), axis_(own) {}

Decision BytesLimitingPolicy::decide(const Question& question) {
  return decide_with(bucket_, granted_, question.trace.byte_count, question.now_ns);
}

}  // namespace kernspan::sampling
