// Single values of OTLP JSON.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "pipeline/otlp/json_schema.h"

namespace kernspan::otlp {

// A number of whatever form it had in the text.
class JsonNumber {
 public:
  explicit JsonNumber(std::int64_t value) : value_(value) {}
  explicit JsonNumber(std::uint64_t value) : value_(value) {}
  explicit JsonNumber(double value) : value_(value) {}

  // Nothing when it does not fit, or is not whole.
  template <std::integral T>
  std::optional<T> as() const {
    if (const auto* number = std::get_if<std::int64_t>(&value_)) return fit<T>(*number);
    if (const auto* number = std::get_if<std::uint64_t>(&value_)) return fit<T>(*number);
    const double number = std::get<double>(value_);
    // 2^63: what is below it converts, and 1e3 is as good a thousand as 1000.
    if (!(std::abs(number) < 9.2e18) || number != std::trunc(number)) return std::nullopt;
    return fit<T>(static_cast<std::int64_t>(number));
  }

  double as_double() const {
    return std::visit([](auto number) { return static_cast<double>(number); }, value_);
  }

 private:
  template <std::integral T, std::integral U>
  static std::optional<T> fit(U number) {
    return std::in_range<T>(number) ? std::optional(static_cast<T>(number)) : std::nullopt;
  }

  std::variant<std::int64_t, std::uint64_t, double> value_;
};

// "12", "-1.5e3", "NaN", "Infinity", "-Infinity"; nothing for anything else.
std::optional<JsonNumber> number_of_text(std::string_view text);

// Append the bytes that the text stands for. False, with whatever was appended, when it is not
// well-formed. Base64 may be that of URLs, and may lack its padding.
bool append_hex_bytes(std::string_view text, std::string& out);
bool append_base64_bytes(std::string_view text, std::string& out);

// What a value of that type has to be, for an error: "is not ...".
std::string_view expectation_of(JsonType type);

}  // namespace kernspan::otlp
