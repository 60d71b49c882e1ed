#include "pipeline/ottl/conversion.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace kernspan::ottl {
namespace {

std::unexpected<Error> unsupported(std::string_view wanted, const Value& value) {
  return permanent(fmt::format("expected {} but got {}", wanted, type_name(value.type())));
}

Result<Value> exactly(Value value, ValueType wanted) {
  if (!value.is(wanted)) return unsupported(type_name(wanted), value);
  return value;
}

std::string_view without_plus(std::string_view text) {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

Result<Value> int_like(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
    case ValueType::kInt:
      return value;
    case ValueType::kBool:
      return Value::integer(value.as_bool() ? 1 : 0);
    case ValueType::kDouble: {
      constexpr double kLimit = 9223372036854775808.0;  // 2^63
      const double number = std::trunc(value.as_double());
      if (!(number >= -kLimit && number < kLimit)) return permanent("the double fits no int");
      return Value::integer(static_cast<std::int64_t>(number));
    }
    case ValueType::kString: {
      // Text that is no number is nil, as upstream.
      const std::string_view text = without_plus(value.as_string());
      std::int64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) return Value();
      return Value::integer(number);
    }
    default:
      return unsupported("something like an int", value);
  }
}

Result<Value> double_like(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
    case ValueType::kDouble:
      return value;
    case ValueType::kBool:
      return Value::number(value.as_bool() ? 1 : 0);
    case ValueType::kInt:
      return Value::number(static_cast<double>(value.as_int()));
    case ValueType::kString: {
      const std::string_view text = without_plus(value.as_string());
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size()) {
        return permanent("the string is no number");
      }
      return Value::number(number);
    }
    default:
      return unsupported("something like a double", value);
  }
}

Result<Value> bool_like(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
    case ValueType::kBool:
      return value;
    case ValueType::kInt:
      return Value::boolean(value.as_int() != 0);
    case ValueType::kDouble:
      return Value::boolean(value.as_double() != 0);
    case ValueType::kString: {
      // The words of Go's strconv.ParseBool.
      for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
        if (value.as_string() == word) return Value::boolean(true);
      }
      for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
        if (value.as_string() == word) return Value::boolean(false);
      }
      return permanent("the string is neither true nor false");
    }
    default:
      return unsupported("something like a bool", value);
  }
}

std::string big_endian(std::uint64_t number) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xFF);
  return bytes;
}

Result<Value> bytes_like(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
    case ValueType::kBytes:
      return value;
    case ValueType::kString:
      return Value::bytes(value.text());
    case ValueType::kBool:
      return Value::bytes(std::string(1, value.as_bool() ? '\1' : '\0'));
    case ValueType::kInt:
      return Value::bytes(big_endian(static_cast<std::uint64_t>(value.as_int())));
    case ValueType::kDouble:
      return Value::bytes(big_endian(std::bit_cast<std::uint64_t>(value.as_double())));
    default:
      return unsupported("something like bytes", value);
  }
}

class LiteralGetter final : public Getter {
 public:
  explicit LiteralGetter(Value value) : value_(std::move(value)) {}
  Result<Value> get(Evaluation& /*at*/) const override { return value_; }
  const Value* literal() const override { return &value_; }

 private:
  Value value_;
};

class ConvertingGetter final : public Getter {
 public:
  ConvertingGetter(GetterPtr getter, ParameterType type)
      : getter_(std::move(getter)), type_(type) {}

  Result<Value> get(Evaluation& at) const override {
    Result<Value> value = getter_->get(at);
    if (!value) return value;
    return convert(*std::move(value), type_);
  }

 private:
  GetterPtr getter_;
  ParameterType type_;
};

}  // namespace

Result<Value> convert(Value value, ParameterType type) {
  switch (type) {
    case ParameterType::kString:
      return exactly(std::move(value), ValueType::kString);
    case ParameterType::kInt:
      return exactly(std::move(value), ValueType::kInt);
    case ParameterType::kDouble:
      return exactly(std::move(value), ValueType::kDouble);
    case ParameterType::kBool:
      return exactly(std::move(value), ValueType::kBool);
    case ParameterType::kTime:
      return exactly(std::move(value), ValueType::kTime);
    case ParameterType::kDuration:
      return exactly(std::move(value), ValueType::kDuration);
    case ParameterType::kMap:
    case ParameterType::kMapTarget:
      return exactly(std::move(value), ValueType::kMap);
    case ParameterType::kList:
    case ParameterType::kListTarget:
      return exactly(std::move(value), ValueType::kList);
    case ParameterType::kStringLike: {
      if (value.is_nil() || value.is(ValueType::kString)) return value;
      return Value::string(*text_of(value));
    }
    case ParameterType::kIntLike:
      return int_like(value);
    case ParameterType::kDoubleLike:
      return double_like(value);
    case ParameterType::kBoolLike:
      return bool_like(value);
    case ParameterType::kBytesLike:
      return bytes_like(value);
    default:
      return value;
  }
}

Result<GetterPtr> converting(GetterPtr getter, ParameterType type) {
  if (type == ParameterType::kAny) return getter;
  if (const Value* const literal = getter->literal()) {
    Result<Value> value = convert(*literal, type);
    if (!value) return std::unexpected(std::move(value.error()));
    return literal_getter(*std::move(value));
  }
  return std::make_unique<ConvertingGetter>(std::move(getter), type);
}

ParameterType item_type(ParameterType list) {
  switch (list) {
    case ParameterType::kStringList:
      return ParameterType::kString;
    case ParameterType::kStringLikeList:
      return ParameterType::kStringLike;
    case ParameterType::kIntList:
      return ParameterType::kInt;
    case ParameterType::kMapList:
      return ParameterType::kMap;
    default:
      return ParameterType::kAny;
  }
}

GetterPtr literal_getter(Value value) {
  return std::make_unique<LiteralGetter>(std::move(value));
}

}  // namespace kernspan::ottl
