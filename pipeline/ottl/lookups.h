#pragma once

#include <array>
#include <cstddef>

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
  void ask(otlp::SpanQuestions& questions) { asked_.ask(of(Context::kSpan), questions); }
  const otlp::AskedKeys& asked() const { return asked_; }

 private:
  std::array<otlp::AttributeKeys, 4> keys_;
  otlp::AskedKeys asked_;
};

}  // namespace kernspan::ottl
