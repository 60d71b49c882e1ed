#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "pipeline/otlp/attribute_keys.h"
#include "pipeline/otlp/span_questions.h"
#include "pipeline/ottl/record.h"

namespace kernspan::ottl {

// The attributes that conditions ask for that are compiled together: a record that knows them
// (Record::look_for) finds all of a part in one walk, when the first of them is asked for, and a
// resource's once for all its spans. Complete when the last condition has been compiled.
class Lookups {
 public:
  otlp::AttributeKeys& of(Context part) { return keys_[static_cast<std::size_t>(part)]; }
  const otlp::AttributeKeys& of(Context part) const {
    return keys_[static_cast<std::size_t>(part)];
  }

  // Once complete: those of spans are found when spans are received, as far as they are.
  void ask(otlp::SpanQuestions& questions) {
    std::vector<otlp::AttributeKeys::Number> numbers;
    const otlp::AttributeKeys& keys = of(Context::kSpan);
    for (otlp::AttributeKeys::Number key = 0; key < keys.size(); ++key) {
      const auto number = questions.ask_for_attribute(keys.key(key));
      if (!number) return;
      numbers.push_back(*number);
    }
    asked_numbers_ = std::move(numbers);
    asked_ = &questions.keys();
  }
  // Whether the index has found them: by these numbers.
  bool are_found(const otlp::SpanIndex& index) const {
    return asked_ != nullptr && index.looked_for() == asked_;
  }
  std::span<const otlp::AttributeKeys::Number> asked_numbers() const { return asked_numbers_; }

 private:
  std::array<otlp::AttributeKeys, 4> keys_;
  const otlp::AttributeKeys* asked_ = nullptr;
  std::vector<otlp::AttributeKeys::Number> asked_numbers_;  // of the span's
};

}  // namespace kernspan::ottl
