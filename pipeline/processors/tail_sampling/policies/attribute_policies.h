// Policies on attributes of resources and spans: sampled when any of them matches; inverted, when
// none does. A value of another type than the policy's matches nothing.
#pragma once

#include <utility>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/policies/text_patterns.h"
#include "pipeline/processors/tail_sampling/span_facts.h"

namespace kernspan::sampling {

// An empty text is a value like none.
AttributeQuestion question_of(const NumericAttributeSettings& settings);
AttributeQuestion question_of(const StringAttributeSettings& settings);

class AttributePolicy final : public Policy {
 public:
  AttributePolicy(AttributeQuestion question, bool invert, SpanFacts::Bit bit)
      : question_(std::move(question)), invert_(invert), bit_(bit) {}
  Decision decide(const Question& question) override;

 private:
  bool matches_one(const TraceView& trace) const;

  const AttributeQuestion question_;
  const bool invert_;
  const SpanFacts::Bit bit_;
};

// string_attribute with patterns, whose cache belongs to a shard.
class TextPatternPolicy final : public Policy {
 public:
  TextPatternPolicy(const StringAttributeSettings& settings, TraceScan& scan);
  Decision decide(const Question& question) override;

 private:
  const TraceScan::Key key_;
  const bool invert_;
  PatternCache patterns_;
};

}  // namespace kernspan::sampling
