#include "pipeline/otlp/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "pipeline/otlp/utf8.h"

namespace kernspan::otlp {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// Stands for itself in a JSON string.
bool is_plain(char c) {
  return static_cast<signed char>(c) >= 0x20 && c != '"' && c != '\\';
}

template <typename Number>
void append_number(std::string& out, Number value) {
  std::array<char, 32> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

void append_hex(std::string& out, unsigned char byte) {
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      out += "\\u00";
      append_hex(out, static_cast<unsigned char>(c));
  }
}

}  // namespace

void JsonText::separate(bool& first) {
  if (!first) out_ += ',';
  first = false;
}

void JsonText::key(bool& first, std::string_view name) {
  separate(first);
  out_ += '"';
  out_ += name;
  out_ += "\":";
}

void JsonText::string(bool& first, std::string_view name, std::string_view text) {
  key(first, name);
  quote(text);
}

void JsonText::optional_string(bool& first, std::string_view name, std::string_view text) {
  if (!text.empty()) string(first, name, text);
}

void JsonText::optional_number(bool& first, std::string_view name, std::uint64_t value) {
  if (static_cast<std::uint32_t>(value) == 0) return;
  key(first, name);
  append_number(out_, static_cast<std::uint32_t>(value));
}

void JsonText::optional_enum(bool& first, std::string_view name, std::uint64_t value) {
  if (static_cast<std::int32_t>(value) == 0) return;
  key(first, name);
  append_number(out_, static_cast<std::int32_t>(value));
}

void JsonText::quoted_number(bool& first, std::string_view name, std::uint64_t value) {
  key(first, name);
  out_ += '"';
  append_number(out_, value);
  out_ += '"';
}

void JsonText::hex(bool& first, std::string_view name, std::string_view bytes) {
  key(first, name);
  out_ += '"';
  for (const char c : bytes) append_hex(out_, static_cast<unsigned char>(c));
  out_ += '"';
}

void JsonText::number(std::int64_t value) {
  append_number(out_, value);
}

void JsonText::floating(double value) {
  if (std::isnan(value)) {
    out_ += "\"NaN\"";
  } else if (std::isinf(value)) {
    out_ += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    append_number(out_, value);
  }
}

void JsonText::quote(std::string_view text) {
  out_ += '"';
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) ++plain;
    out_ += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    std::size_t length = utf8_sequence_length(text);
    if (length == 0) {
      out_ += '?';
      length = 1;
    } else if (length == 1) {
      append_escaped(out_, text[0]);
    } else {
      out_ += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  out_ += '"';
}

void JsonText::base64(std::string_view bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  out_ += '"';
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out_ += kDigits[group >> 18];
    out_ += kDigits[group >> 12 & 63];
    out_ += i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    out_ += i + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  out_ += '"';
}

}  // namespace kernspan::otlp
