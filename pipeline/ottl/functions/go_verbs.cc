// Spec: pkg.go.dev/fmt#hdr-Printing
#include "pipeline/ottl/functions/go_verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/hashes.h"
#include "pipeline/ottl/functions/text_case.h"

namespace kernspan::ottl {
namespace {

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<std::uint8_t>(c) & 0xC0) != 0x80;
  }));
}

std::string pad(std::string text, const Directive& directive, bool with_zeros = false) {
  const std::size_t size = character_count(text);
  const auto width = static_cast<std::size_t>(directive.width.value_or(0));
  if (size >= width) return text;
  const std::size_t missing = width - size;
  if (directive.minus) return text.append(missing, ' ');
  if (!with_zeros) return std::string(missing, ' ') + text;
  const std::size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ');
  return text.substr(0, sign) + std::string(missing, '0') + text.substr(sign);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string utf8_of(std::int64_t value) {
  if (value < 0 || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) value = 0xFFFD;
  std::string out;
  append_utf8(static_cast<char32_t>(value), out);
  return out;
}

std::string digits_of(std::uint64_t number, char verb) {
  switch (verb) {
    case 'b':
      return fmt::format("{:b}", number);
    case 'o':
    case 'O':
      return fmt::format("{:o}", number);
    case 'x':
      return fmt::format("{:x}", number);
    case 'X':
      return fmt::format("{:X}", number);
    default:
      return fmt::format("{}", number);
  }
}

std::string prefix_of(const Directive& directive) {
  if (directive.verb == 'O') return "0o";
  if (!directive.sharp) return "";
  switch (directive.verb) {
    case 'b':
      return "0b";
    case 'o':
      return "0";
    case 'x':
      return "0x";
    case 'X':
      return "0X";
    default:
      return "";
  }
}

std::string sign_of(bool is_negative, const Directive& directive) {
  if (is_negative) return "-";
  if (directive.plus) return "+";
  return directive.space ? " " : "";
}

std::optional<std::string> format_int(std::int64_t value, const Directive& directive) {
  switch (directive.verb) {
    case 'c':
      return pad(utf8_of(value), directive);
    case 'U':
      return pad(fmt::format("U+{:04X}", static_cast<std::uint64_t>(value)), directive);
    case 'v':
    case 'd':
    case 'b':
    case 'o':
    case 'O':
    case 'x':
    case 'X':
      break;
    default:
      return std::nullopt;
  }
  const std::uint64_t magnitude =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits = digits_of(magnitude, directive.verb);
  const auto precision = static_cast<std::size_t>(directive.precision.value_or(0));
  if (digits.size() < precision) digits = std::string(precision - digits.size(), '0') + digits;
  const bool with_zeros = directive.zero && !directive.precision;
  return pad(sign_of(value < 0, directive) + prefix_of(directive) + digits, directive, with_zeros);
}

// The shortest text that reads back as the same number, with Go's threshold for an exponent.
std::string shortest_digits(double magnitude) {
  const bool is_plain = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e21);
  const auto form = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  std::array<char, 64> text;
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), magnitude, form);
  return error == std::errc() ? std::string(text.data(), end) : fmt::format("{}", magnitude);
}

// Exponents have two digits at least, in C as in Go.
std::string double_digits(double magnitude, const Directive& directive) {
  switch (directive.verb) {
    case 'f':
    case 'F':
      return fmt::format("{:.{}f}", magnitude, directive.precision.value_or(6));
    case 'e':
    case 'E':
      return fmt::format("{:.{}e}", magnitude, directive.precision.value_or(6));
    default:
      if (!directive.precision) return shortest_digits(magnitude);
      return fmt::format("{:.{}g}", magnitude, std::max(*directive.precision, 1));
  }
}

std::optional<std::string> format_double(double value, const Directive& directive) {
  if (std::string_view("vgGeEfF").find(directive.verb) == std::string_view::npos) {
    return std::nullopt;
  }
  if (std::isnan(value)) return pad("NaN", directive);
  if (std::isinf(value)) return pad(value < 0 ? "-Inf" : "+Inf", directive);
  std::string digits = double_digits(std::abs(value), directive);
  if (directive.verb == 'E' || directive.verb == 'G') {
    std::replace(digits.begin(), digits.end(), 'e', 'E');
  }
  return pad(sign_of(std::signbit(value), directive) + digits, directive, directive.zero);
}

std::optional<std::string> format_text(std::string_view text, const Directive& directive) {
  if (directive.precision) {
    std::size_t end = 0;
    for (int left = *directive.precision; end < text.size(); ++end) {
      const bool begins = (static_cast<std::uint8_t>(text[end]) & 0xC0) != 0x80;
      if (begins && left-- == 0) break;
    }
    text = text.substr(0, end);
  }
  switch (directive.verb) {
    case 'v':
    case 's':
      return pad(std::string(text), directive, directive.zero);
    case 'q':
      return pad(quoted(text), directive, directive.zero);
    case 'x':
      return pad(hex_of(text), directive, directive.zero);
    case 'X': {
      std::string hex = hex_of(text);
      for (char& c : hex) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
      return pad(hex, directive, directive.zero);
    }
    default:
      return std::nullopt;
  }
}

std::string format_list(const List& list,
                        const Directive& directive) {  // NOLINT(misc-no-recursion)
  const Directive plain{.verb = directive.verb};
  std::string out = "[";
  for (const Value& item : list) {
    if (out.size() > 1) out += ' ';
    out += format_value(item, plain);
  }
  return out + ']';
}

std::string format_map(const Map& map, const Directive& directive) {  // NOLINT(misc-no-recursion)
  std::vector<const Map::Entry*> entries;
  for (const Map::Entry& entry : map.entries()) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(), [](const Map::Entry* left, const Map::Entry* right) {
    return left->key.view() < right->key.view();
  });
  const Directive plain{.verb = directive.verb};
  std::string out = "map[";
  for (const Map::Entry* entry : entries) {
    if (out.size() > 4) out += ' ';
    out += format_text(entry->key.view(), plain).value_or(std::string(entry->key.view()));
    out += ':' + format_value(entry->value, plain);
  }
  return out + ']';
}

std::string bad_verb(const Value& value, char verb) {
  if (value.is_nil()) return fmt::format("%!{}(<nil>)", verb);
  return fmt::format("%!{}({}={})", verb, go_type_name(value), format_value(value, {}));
}

}  // namespace

std::string_view go_type_name(const Value& value) {
  switch (value.type()) {
    case ValueType::kInt:
      return "int64";
    case ValueType::kDouble:
      return "float64";
    case ValueType::kBytes:
      return "[]uint8";
    case ValueType::kTime:
      return "time.Time";
    case ValueType::kDuration:
      return "time.Duration";
    case ValueType::kList:
      return "[]interface {}";
    case ValueType::kMap:
      return "map[string]interface {}";
    default:
      return type_name(value.type());
  }
}

// As deep as values are nested, which decoding bounds.
std::string format_value(const Value& value,
                         const Directive& directive) {  // NOLINT(misc-no-recursion)
  std::optional<std::string> text;
  switch (value.type()) {
    case ValueType::kNil:
      if (directive.verb == 'v') text = pad("<nil>", directive);
      break;
    case ValueType::kBool:
      if (directive.verb == 'v' || directive.verb == 't') {
        text = pad(value.as_bool() ? "true" : "false", directive);
      }
      break;
    case ValueType::kInt:
      text = format_int(value.as_int(), directive);
      break;
    case ValueType::kDouble:
      text = format_double(value.as_double(), directive);
      break;
    case ValueType::kString:
      text = format_text(value.as_string(), directive);
      break;
    case ValueType::kBytes:
      if (directive.verb == 'v') return pad(hex_of(value.as_bytes()), directive);
      text = format_text(value.as_bytes(), directive);
      break;
    case ValueType::kDuration:
      if (directive.verb == 'd') {
        text = format_int(value.as_duration().ns, directive);
        break;
      }
      [[fallthrough]];
    case ValueType::kTime: {
      const std::optional<Text> shown = text_of(value);
      text = format_text(shown ? shown->view() : "", directive);
      break;
    }
    case ValueType::kList:
      return format_list(value.as_list(), directive);
    case ValueType::kMap:
      return format_map(value.as_map(), directive);
  }
  return text ? *std::move(text) : bad_verb(value, directive.verb);
}

}  // namespace kernspan::ottl
