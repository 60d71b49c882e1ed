// Policies on attributes of resources and spans: sampled when any of them matches; inverted, when
// none does. A value of another type than the policy's matches nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/policies/text_patterns.h"

namespace kernspan::sampling {

class NumericAttributePolicy final : public Policy {
 public:
  NumericAttributePolicy(const NumericAttributeSettings& settings, TraceScan& scan);
  Decision decide(const Question& question) override;

 private:
  const TraceScan::Key key_;
  const std::int64_t min_;
  const std::int64_t max_;
  const bool invert_;
};

class StringAttributePolicy final : public Policy {
 public:
  StringAttributePolicy(const StringAttributeSettings& settings, TraceScan& scan);
  Decision decide(const Question& question) override;

 private:
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  bool matches(std::string_view text);

  const TraceScan::Key key_;
  const bool invert_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> values_;
  std::optional<PatternCache> patterns_;
};

class BooleanAttributePolicy final : public Policy {
 public:
  BooleanAttributePolicy(const BooleanAttributeSettings& settings, TraceScan& scan);
  Decision decide(const Question& question) override;

 private:
  const TraceScan::Key key_;
  const bool value_;
  const bool invert_;
};

}  // namespace kernspan::sampling
