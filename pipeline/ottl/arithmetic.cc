#include "pipeline/ottl/arithmetic.h"

#include <fmt/format.h>

namespace kernspan::ottl {
namespace {

std::unexpected<Error> not_calculable(const Value& left, std::string_view sign,
                                      const Value& right) {
  return permanent(fmt::format("{} {} {} cannot be calculated", type_name(left.type()), sign,
                               type_name(right.type())));
}

std::string_view text_of_sign(ArithmeticOperator sign) {
  switch (sign) {
    case ArithmeticOperator::kAdd:
      return "+";
    case ArithmeticOperator::kSubtract:
      return "-";
    case ArithmeticOperator::kMultiply:
      return "*";
    case ArithmeticOperator::kDivide:
      break;
  }
  return "/";
}

// Calculated without signs, so that an overflow wraps around.
std::int64_t wrapping(std::int64_t left, ArithmeticOperator sign, std::int64_t right) {
  const auto a = static_cast<std::uint64_t>(left);
  const auto b = static_cast<std::uint64_t>(right);
  if (sign == ArithmeticOperator::kAdd) return static_cast<std::int64_t>(a + b);
  if (sign == ArithmeticOperator::kSubtract) return static_cast<std::int64_t>(a - b);
  if (sign == ArithmeticOperator::kMultiply) return static_cast<std::int64_t>(a * b);
  // The one quotient that does not fit wraps around as well.
  return right == -1 ? static_cast<std::int64_t>(-a) : left / right;
}

Result<Value> calculate_ints(std::int64_t left, ArithmeticOperator sign, std::int64_t right) {
  if (sign == ArithmeticOperator::kDivide && right == 0) return permanent("a division by 0");
  return Value::integer(wrapping(left, sign, right));
}

Result<Value> calculate_doubles(double left, ArithmeticOperator sign, double right) {
  switch (sign) {
    case ArithmeticOperator::kAdd:
      return Value::number(left + right);
    case ArithmeticOperator::kSubtract:
      return Value::number(left - right);
    case ArithmeticOperator::kMultiply:
      return Value::number(left * right);
    case ArithmeticOperator::kDivide:
      break;
  }
  if (right == 0) return permanent("a division by 0");
  return Value::number(left / right);
}

Value moved(const Time& time, ArithmeticOperator sign, Duration duration) {
  Time result = time;
  result.unix_ns = wrapping(time.unix_ns, sign, duration.ns);
  return Value::time(std::move(result));
}

bool is_number(const Value& value) {
  return value.is(ValueType::kInt) || value.is(ValueType::kDouble);
}

double as_number(const Value& value) {
  return value.is(ValueType::kInt) ? static_cast<double>(value.as_int()) : value.as_double();
}

}  // namespace

Result<Value> calculate(const Value& left, ArithmeticOperator sign, const Value& right) {
  if (left.is(ValueType::kInt) && right.is(ValueType::kInt)) {
    return calculate_ints(left.as_int(), sign, right.as_int());
  }
  if (is_number(left) && is_number(right)) {
    return calculate_doubles(as_number(left), sign, as_number(right));
  }
  const bool adds = sign == ArithmeticOperator::kAdd;
  if (adds || sign == ArithmeticOperator::kSubtract) {
    const bool left_time = left.is(ValueType::kTime);
    const bool right_time = right.is(ValueType::kTime);
    const bool left_duration = left.is(ValueType::kDuration);
    const bool right_duration = right.is(ValueType::kDuration);
    if (left_time && right_duration) return moved(left.as_time(), sign, right.as_duration());
    if (left_duration && right_time && adds)
      return moved(right.as_time(), sign, left.as_duration());
    if (left_duration && right_duration) {
      return Value::duration({wrapping(left.as_duration().ns, sign, right.as_duration().ns)});
    }
    if (left_time && right_time && !adds) {
      return Value::duration({wrapping(left.as_time().unix_ns, sign, right.as_time().unix_ns)});
    }
  }
  return not_calculable(left, text_of_sign(sign), right);
}

Result<Value> negate(const Value& value) {
  if (value.is(ValueType::kDouble)) return Value::number(-value.as_double());
  if (!value.is(ValueType::kInt)) {
    return permanent(fmt::format("a {} has no negative", type_name(value.type())));
  }
  return Value::integer(wrapping(0, ArithmeticOperator::kSubtract, value.as_int()));
}

}  // namespace kernspan::ottl
