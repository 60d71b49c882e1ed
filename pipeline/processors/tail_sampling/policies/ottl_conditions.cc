#include "pipeline/processors/tail_sampling/policies/ottl_conditions.h"

#include <string_view>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/ottl/record.h"

namespace kernspan::sampling {

Status OttlConditions::add(const std::string& text, ottl::Context context) {
  Result<ottl::Condition> condition = ottl::Condition::compile(text, context);
  if (!condition) return std::unexpected(std::move(condition.error()));
  auto& conditions = context == ottl::Context::kSpanEvent ? of_event_ : of_span_;
  conditions.push_back({text, *std::move(condition)});
  return {};
}

Result<bool> OttlConditions::test_any(const std::vector<Entry>& conditions,
                                      ottl::Evaluation& at) const {
  for (const Entry& entry : conditions) {
    Result<bool> holds = entry.condition.test(at);
    if (holds ? *holds : error_mode_ == ottl::ErrorMode::kPropagate) return holds;
    if (!holds && error_mode_ == ottl::ErrorMode::kIgnore) {
      KERNSPAN_LOG_LIMITED(kWarn, "tail_sampling: condition '{}': {}", entry.text,
                           holds.error().message);
    }
  }
  return false;
}

Result<bool> OttlConditions::test(const HeldSpan& span, ottl::Evaluation& at) const {
  at.record.open_span(*span.index, span.span);
  Result<bool> holds = test_any(of_span_, at);
  if (!holds || *holds || of_event_.empty()) return holds;
  std::size_t position = 0;
  for (const std::string_view event : otlp::FieldRange<std::string_view>(
           span.index->bytes(span.span), otlp::wire::span::kEvents)) {
    at.record.open_event(event, position++);
    holds = test_any(of_event_, at);
    if (!holds || *holds) return holds;
  }
  return false;
}

Decision OttlConditionPolicy::decide(const Question& question) {
  // Of this trace only: a record knows what it has open by address.
  ottl::Record record;
  ottl::Evaluation at{.record = record, .clock = ottl::system_clock()};
  for (const HeldSpan& span : question.trace.spans) {
    const Result<bool> holds = conditions_->test(span, at);
    if (!holds) {
      KERNSPAN_LOG_LIMITED(kWarn, "tail_sampling: {}", holds.error().message);
      return Decision::kError;
    }
    if (*holds) return Decision::kSampled;
  }
  return Decision::kNotSampled;
}

}  // namespace kernspan::sampling
