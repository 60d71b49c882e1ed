#pragma once

#include "pipeline/ottl/syntax.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// Ints and doubles with all operators (mixed ones as doubles), times and durations with + and -.
// Ints wrap around, as Go's; a division by zero is an error.
Result<Value> calculate(const Value& left, ArithmeticOperator sign, const Value& right);
Result<Value> negate(const Value& value);

}  // namespace kernspan::ottl
