#include "pipeline/otlp/span_questions.h"

#include <utility>

#include "pipeline/otlp/span_index.h"

namespace kernspan::otlp {

void AskedKeys::ask(const AttributeKeys& keys, SpanQuestions& questions) {
  std::vector<AttributeKeys::Number> numbers;
  for (AttributeKeys::Number key = 0; key < keys.size(); ++key) {
    const auto number = questions.ask_for_attribute(keys.key(key));
    if (!number) return;
    numbers.push_back(*number);
  }
  numbers_ = std::move(numbers);
  asked_ = &questions.keys();
}

bool AskedKeys::are_answered(const SpanIndex& index) const {
  return asked_ != nullptr && index.looked_for() == asked_;
}

}  // namespace kernspan::otlp
