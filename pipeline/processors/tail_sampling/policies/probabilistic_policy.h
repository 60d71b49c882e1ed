#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

// Samples when FNV-1a of salt and trace id is at most the percentage of 2^64 - 1. Bit for bit
// upstream's decision, so that both can stand in one deployment.
class ProbabilisticPolicy final : public Policy {
 public:
  ProbabilisticPolicy(const ProbabilisticSettings& settings, Axes& axes);

  Decision decide(const Question& question) override;
  Chance chance(const Question&) override { return chance_; }

 private:
  std::uint64_t salted_;  // the hash of the salt, to be continued
  std::uint64_t threshold_;
  Chance chance_;
};

// 64 bits of FNV-1a, continued from `hash`.
// Spec: isthe.com/chongo/tech/comp/fnv
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = 0xCBF2'9CE4'8422'2325);

// ratio * (2^64 - 1), rounded to 64 significant bits and then towards 0; what is out of range
// becomes the nearest end.
std::uint64_t hash_threshold(double ratio);

}  // namespace kernspan::sampling
