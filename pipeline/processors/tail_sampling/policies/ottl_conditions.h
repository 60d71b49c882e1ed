#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/ottl/condition.h"
#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

// Conditions on spans and on their events. Several threads may use one.
class OttlConditions {
 public:
  // What becomes of a condition that fails on a span: kPropagate, the policy has no say about the
  // trace; kIgnore and kSilent, the next condition is tried.
  explicit OttlConditions(ottl::ErrorMode error_mode) : error_mode_(error_mode) {}

  // In the context of a span or of a span event. Fails with what is wrong with the text.
  Status add(const std::string& text, ottl::Context context);

  // Whether any condition holds for the span, or for one of its events.
  Result<bool> test(const HeldSpan& span, ottl::Evaluation& at) const;

 private:
  struct Entry {
    std::string text;
    ottl::Condition condition;
  };

  Result<bool> test_any(const std::vector<Entry>& conditions, ottl::Evaluation& at) const;

  std::vector<Entry> of_span_;
  std::vector<Entry> of_event_;
  const ottl::ErrorMode error_mode_;
};

// Samples when a condition holds for any span, and looks no further than that.
class OttlConditionPolicy final : public Policy {
 public:
  explicit OttlConditionPolicy(const OttlConditionSettings& settings)
      : conditions_(settings.conditions) {}

  Decision decide(const Question& question) override;

 private:
  const std::shared_ptr<const OttlConditions> conditions_;
};

}  // namespace kernspan::sampling
