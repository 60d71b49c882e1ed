#include "pipeline/otlp/json_values.h"

#include <charconv>
#include <cstddef>
#include <system_error>

namespace kernspan::otlp {
namespace {

template <typename Number>
std::optional<JsonNumber> whole_text(std::string_view text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return JsonNumber(number);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

}  // namespace

std::optional<JsonNumber> number_of_text(std::string_view text) {
  if (text == "NaN") return JsonNumber(std::numeric_limits<double>::quiet_NaN());
  if (text == "Infinity") return JsonNumber(std::numeric_limits<double>::infinity());
  if (text == "-Infinity") return JsonNumber(-std::numeric_limits<double>::infinity());
  // from_chars() also takes "nan", "inf" and the like.
  if (text.empty() || text.find_first_not_of("+-.0123456789eE") != text.npos) return std::nullopt;
  if (auto number = whole_text<std::int64_t>(text)) return number;
  if (auto number = whole_text<std::uint64_t>(text)) return number;
  return whole_text<double>(text);
}

bool append_hex_bytes(std::string_view text, std::string& out) {
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high << 4 | low);
  }
  return true;
}

bool append_base64_bytes(std::string_view text, std::string& out) {
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  if (text.size() % 4 == 1 || (padding > 0 && (text.size() + padding) % 4 != 0)) return false;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return true;
}

std::string_view expectation_of(JsonType type) {
  switch (type) {
    case JsonType::kMessage:
      return "is not an object";
    case JsonType::kString:
      return "is not a string";
    case JsonType::kTraceId:
      return "is not a string of 32 hex digits";
    case JsonType::kSpanId:
      return "is not a string of 16 hex digits";
    case JsonType::kBase64:
      return "is not a string of base64";
    case JsonType::kBool:
      return "is neither true nor false";
    case JsonType::kSpanKind:
    case JsonType::kStatusCode:
    case JsonType::kTemporality:
      return "is no number of the enumeration";
    case JsonType::kUint32:
    case JsonType::kFixed32:
      return "is not an unsigned integer of 32 bits";
    case JsonType::kSint32:
      return "is not an integer of 32 bits";
    case JsonType::kInt64:
    case JsonType::kSfixed64:
      return "is not an integer of 64 bits";
    case JsonType::kUint64:
    case JsonType::kFixed64:
      return "is not an unsigned integer of 64 bits";
    case JsonType::kDouble:
      return "is not a number";
  }
  return "is malformed";
}

}  // namespace kernspan::otlp
