// Converters that ask for a value's type or change it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/patterns.h"

namespace kernspan::ottl {
namespace {

// What the compiler has converted already.
Result<Value> as_it_is(const Value& value) {
  return value;
}

template <ValueType type>
Result<Value> is_of_type(const Value& value) {
  return Value::boolean(value.is(type));
}

bool is_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

bool is_empty(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
      return true;
    case ValueType::kBool:
      return !value.as_bool();
    case ValueType::kInt:
      return value.as_int() == 0;
    case ValueType::kDouble:
      return value.as_double() == 0;
    case ValueType::kString:
      return value.as_string().empty();
    case ValueType::kBytes: {
      // Ids that are not set are zeros of their size.
      const std::size_t size = value.as_bytes().size();
      return size == 0 || ((size == 8 || size == 16) && is_zero(value.as_bytes()));
    }
    case ValueType::kDuration:
      return value.as_duration().ns == 0;
    case ValueType::kTime:
      return value.as_time().unix_ns == 0;
    case ValueType::kList:
      return value.as_list().empty();
    case ValueType::kMap:
      return value.as_map().empty();
  }
  return false;
}

Result<Value> length_of(const Value& value) {
  std::size_t length = 0;
  switch (value.type()) {
    case ValueType::kString:
      length = value.as_string().size();
      break;
    case ValueType::kList:
      length = value.as_list().size();
      break;
    case ValueType::kMap:
      length = value.as_map().size();
      break;
    default:
      return permanent(fmt::format("target arg must be of type string, list or map, not {}",
                                   type_name(value.type())));
  }
  return Value::integer(static_cast<std::int64_t>(length));
}

Result<Callable> build_is_match(Arguments& arguments) {
  auto target_getter = arguments.getter(0);
  auto pattern = PatternParameter::create(arguments.getter(1));
  if (!pattern) return std::unexpected(pattern.error());
  return [target_getter = std::move(target_getter),
          pattern = *std::move(pattern)](Evaluation& at) -> Result<Value> {
    const auto expression = pattern.get(at);
    if (!expression) return std::unexpected(expression.error());
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    return Value::boolean(!target->is_nil() && matches(**expression, target->as_string()));
  };
}

Result<Callable> build_coalesce(Arguments& arguments) {
  std::vector<GetterPtr> getters = arguments.getters(0);
  if (getters.empty()) return permanent("Coalesce requires at least one argument");
  return [getters = std::move(getters)](Evaluation& at) -> Result<Value> {
    for (const GetterPtr& getter : getters) {
      Result<Value> value = getter->get(at);
      if (!value || !value->is_nil()) return value;
    }
    return Value();
  };
}

Result<Value> logarithm(const Value& value) {
  if (value.is_nil()) return permanent("could not take the logarithm of nil");
  if (!(value.as_double() > 0)) {
    return permanent(fmt::format("could not take the logarithm of {}, which is not greater than 0",
                                 value.as_double()));
  }
  return Value::number(std::log(value.as_double()));
}

// Spec: ISO/IEC 7812-1, annex B.
Result<Value> is_valid_luhn(const Value& value) {
  if (value.is_nil()) return permanent("invalid number: nil");
  int sum = 0;
  int digits = 0;
  const std::string_view text = value.as_string();
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == ' ') continue;
    if (text[i] < '0' || text[i] > '9') {
      return permanent("invalid number: it must consist of digits only");
    }
    int digit = text[i] - '0';
    if (digits++ % 2 == 1) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
    sum += digit;
  }
  return Value::boolean(digits > 0 && sum % 10 == 0);
}

}  // namespace

void add_type_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add({"IsString", {{"target", kAny}}, of_one(is_of_type<ValueType::kString>)});
  table.add({"IsInt", {{"target", kAny}}, of_one(is_of_type<ValueType::kInt>)});
  table.add({"IsDouble", {{"target", kAny}}, of_one(is_of_type<ValueType::kDouble>)});
  table.add({"IsBool", {{"target", kAny}}, of_one(is_of_type<ValueType::kBool>)});
  table.add({"IsMap", {{"target", kAny}}, of_one(is_of_type<ValueType::kMap>)});
  table.add({"IsList", {{"target", kAny}}, of_one(is_of_type<ValueType::kList>)});
  table.add({"IsEmpty", {{"target", kAny}}, of_one([](const Value& value) -> Result<Value> {
               return Value::boolean(is_empty(value));
             })});
  table.add({"IsMatch", {{"target", kStringLike}, {"pattern", kString}}, build_is_match});
  table.add({"IsValidLuhn", {{"target", kStringLike}}, of_one(is_valid_luhn)});
  table.add({"String", {{"target", kStringLike}}, of_one(as_it_is)});
  table.add({"Int", {{"target", kIntLike}}, of_one(as_it_is)});
  table.add({"Double", {{"target", kDoubleLike}}, of_one(as_it_is)});
  table.add({"Bool", {{"target", kBoolLike}}, of_one(as_it_is)});
  table.add({"Coalesce", {{"values", kAnyList}}, build_coalesce});
  table.add({"Len", {{"target", kAny}}, of_one(length_of)});
  table.add({"Log", {{"target", kDoubleLike}}, of_one(logarithm)});
}

}  // namespace kernspan::ottl
