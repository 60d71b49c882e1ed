#include "pipeline/processors/tail_sampling/policies/ottl_conditions.h"

namespace kernspan::sampling {

struct OttlConditions::Compiled {};

OttlConditions::OttlConditions(std::unique_ptr<Compiled> compiled)
    : compiled_(std::move(compiled)) {}
OttlConditions::~OttlConditions() = default;

Result<std::shared_ptr<const OttlConditions>> OttlConditions::compile(
    const std::vector<std::string>&, const std::vector<std::string>&, OttlErrorMode) {
  return permanent("ottl_condition is not built yet; use policies on attributes");
}

Result<bool> OttlConditions::test(const HeldSpan&) const {
  return false;
}

Decision OttlConditionPolicy::decide(const Question& question) {
  for (const HeldSpan& span : question.trace.spans) {
    const Result<bool> holds = conditions_->test(span);
    if (!holds) return Decision::kError;
    if (*holds) return Decision::kSampled;
  }
  return Decision::kNotSampled;
}

}  // namespace kernspan::sampling
