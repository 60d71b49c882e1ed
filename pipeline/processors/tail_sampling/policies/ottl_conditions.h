#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

namespace kernspan::sampling {

enum class OttlErrorMode {
  kPropagate,  // the policy fails, and has no say about the trace
  kIgnore,     // the condition does not hold; a line in the log
  kSilent,     // the condition does not hold
};

// Conditions on spans and on their events. Several threads may use one.
class OttlConditions {
 public:
  // Fails with the condition and what is wrong with it.
  static Result<std::shared_ptr<const OttlConditions>> compile(
      const std::vector<std::string>& spans, const std::vector<std::string>& events,
      OttlErrorMode error_mode);
  ~OttlConditions();

  // Whether any condition holds for the span, or for one of its events.
  Result<bool> test(const HeldSpan& span) const;

 private:
  struct Compiled;
  explicit OttlConditions(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

// Samples when a condition holds for any span. Evaluates no further than that.
class OttlConditionPolicy final : public Policy {
 public:
  explicit OttlConditionPolicy(const OttlConditionSettings& settings)
      : conditions_(settings.conditions) {}

  Decision decide(const Question& question) override;

 private:
  std::shared_ptr<const OttlConditions> conditions_;
};

}  // namespace kernspan::sampling
