#include "pipeline/processors/attribute_actions/attribute_values.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/otlp/json_text.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan {
namespace {

namespace wire = otlp::wire;
using otlp::ValueKind;
using otlp::ValueView;

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string encode_text(std::string_view text) {
  return otlp::encode_value(otlp::AttributeValue(text));
}

std::string encode_scalar(const ConfigNode& node) {
  const std::string& text = node.text();
  if (node.quoted()) return encode_text(text);
  switch (scalar_type(text)) {
    case ScalarType::kBoolean:
      return otlp::encode_value(text.front() == 't' || text.front() == 'T');
    case ScalarType::kInteger:
      if (const auto number = parse_number<std::int64_t>(text)) return otlp::encode_value(*number);
      break;  // hexadecimal, octal or too large: as it is written
    case ScalarType::kNumber:
      if (const auto number = parse_number<double>(text)) return otlp::encode_value(*number);
      break;
    default:
      break;
  }
  return encode_text(text);
}

std::string encode_key_value(const ConfigEntry& entry) {
  std::string out;
  otlp::append_bytes_field(out, wire::key_value::kKey, entry.key);
  if (const std::optional<std::string> value = encode_configured_value(entry.value)) {
    otlp::append_bytes_field(out, wire::key_value::kValue, *value);
  }
  return out;
}

// Shortest digits that read back as the same number; an exponent only for the very small and the
// very large, as in JSON.
std::string number_text(double value) {
  const double size = std::abs(value);
  const bool plain = size == 0 || (size >= 1e-6 && size < 1e21) || !std::isfinite(value);
  std::array<char, 64> text;
  const auto format = plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, format);
  return {text.data(), end.ptr};
}

void append_json(const ValueView& value, std::string& out);

void append_json_entries(const ValueView& map, std::string& out) {
  otlp::JsonText json(out);
  out += '{';
  bool first = true;
  for (const otlp::AttributeView entry : map.entries()) {
    json.separate(first);
    json.quote(entry.key);
    out += ':';
    append_json(entry.value(), out);
  }
  out += '}';
}

// As deep as messages may be nested, which is bounded.
void append_json(const ValueView& value, std::string& out) {
  otlp::JsonText json(out);
  bool first = true;
  switch (value.kind()) {
    case ValueKind::kNone:
      out += "null";
      return;
    case ValueKind::kString:
    case ValueKind::kBytes:
      return json.quote(value_text(value));
    case ValueKind::kArray:
      out += '[';
      for (const ValueView item : value.items()) {
        json.separate(first);
        append_json(item, out);
      }
      out += ']';
      return;
    case ValueKind::kKvlist:
      return append_json_entries(value, out);
    default:
      out += value_text(value);
  }
}

std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(value >> shift & 0xFF);
  return bytes;
}

std::int64_t truncate(double value) {
  constexpr double kEnd = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= kEnd) return std::numeric_limits<std::int64_t>::max();
  if (value < -kEnd) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> to_int(const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::kDouble:
      return truncate(value.as_double());
    case ValueKind::kBool:
      return value.as_bool() ? 1 : 0;
    case ValueKind::kString:
      return parse_number<std::int64_t>(value.as_string());
    default:
      return std::nullopt;
  }
}

std::optional<double> to_double(const ValueView& value) {
  switch (value.kind()) {
    case ValueKind::kInt:
      return static_cast<double>(value.as_int());
    case ValueKind::kBool:
      return value.as_bool() ? 1 : 0;
    case ValueKind::kString:
      return parse_number<double>(value.as_string());
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> encode_configured_value(const ConfigNode& node) {
  if (node.expanded()) return encode_text(node.text());
  switch (node.kind()) {
    case ConfigNode::Kind::kNull:
      return std::nullopt;
    case ConfigNode::Kind::kScalar:
      return encode_scalar(node);
    case ConfigNode::Kind::kList: {
      std::string items;
      for (const ConfigNode& item : node.items()) {
        otlp::append_bytes_field(items, wire::value_list::kValues,
                                 encode_configured_value(item).value_or(""));
      }
      std::string out;
      otlp::append_bytes_field(out, wire::any_value::kArray, items);
      return out;
    }
    case ConfigNode::Kind::kMap: {
      std::string entries;
      for (const ConfigEntry& entry : node.entries()) {
        otlp::append_bytes_field(entries, wire::value_list::kValues, encode_key_value(entry));
      }
      std::string out;
      otlp::append_bytes_field(out, wire::any_value::kKvlist, entries);
      return out;
    }
  }
  return std::nullopt;
}

std::string value_text(const ValueView& value) {
  std::string out;
  switch (value.kind()) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kString:
      return std::string(value.as_string());
    case ValueKind::kBool:
      return value.as_bool() ? "true" : "false";
    case ValueKind::kInt:
      return fmt::format("{}", value.as_int());
    case ValueKind::kDouble:
      return number_text(value.as_double());
    case ValueKind::kBytes: {
      otlp::JsonText(out).base64(value.as_bytes());
      // JsonText writes JSON: base64 needs no escapes, only its quotes go.
      if (out.starts_with('"')) out = out.substr(1, out.size() - 2);
      return out;
    }
    case ValueKind::kArray:
    case ValueKind::kKvlist:
      append_json(value, out);
      return out;
  }
  return out;
}

std::string hash_value(const ValueView& value) {
  std::string bytes;
  switch (value.kind()) {
    case ValueKind::kString:
      bytes = value.as_string();
      break;
    case ValueKind::kBool:
      bytes = value.as_bool() ? '\1' : '\0';
      break;
    case ValueKind::kInt:
      bytes = little_endian(static_cast<std::uint64_t>(value.as_int()));
      break;
    case ValueKind::kDouble:
      bytes = little_endian(std::bit_cast<std::uint64_t>(value.as_double()));
      break;
    default:
      break;
  }
  if (bytes.empty()) return encode_text("");
  std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string text;
  for (const std::uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return encode_text(text);
}

std::optional<std::string> convert_value(const ValueView& value, ConvertedType type) {
  switch (type) {
    case ConvertedType::kString:
      if (value.kind() == ValueKind::kString) return std::nullopt;
      return encode_text(value_text(value));
    case ConvertedType::kInt:
      if (const std::optional<std::int64_t> number = to_int(value)) {
        return otlp::encode_value(*number);
      }
      return std::nullopt;
    case ConvertedType::kDouble:
      if (const std::optional<double> number = to_double(value)) {
        return otlp::encode_value(*number);
      }
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace kernspan
