// What a segment of a path looks like. Every rule asks for digits or for marks that no word has, so
// that words stay as they are.
#include <algorithm>
#include <cstdint>

#include "agent/span/path_template.h"

namespace kernspan {
namespace {

constexpr std::size_t kSegmentsShown = 12;
constexpr std::size_t kWordBytesMax = 48;  // longer ones are texts
constexpr std::size_t kHashBytesMin = 8;
constexpr std::size_t kTokenBytesMin = 16;
constexpr std::size_t kDigitsMin =
    5;  // "order-12345"; "http2", "v1", "2024" alone are words or ids

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower_letter(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_upper_letter(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_hexadecimal(char c) {
  return is_decimal(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

struct Shape {
  std::size_t digits = 0;
  std::size_t letters = 0;
  std::size_t others = 0;   // neither, and no mark of numbers
  std::size_t changes = 0;  // between digits, lower and upper case, side by side
  bool is_hex = true;
  bool is_foreign = false;  // percent-encoded, or not ASCII
};

int class_of(char c) {
  if (is_decimal(c)) return 1;
  if (is_lower_letter(c)) return 2;
  return is_upper_letter(c) ? 3 : 0;
}

Shape shape_of(std::string_view segment) {
  Shape shape;
  int before = 0;
  for (const char c : segment) {
    const int now = class_of(c);
    if (now == 1) ++shape.digits;
    if (now > 1) ++shape.letters;
    if (now == 0 && std::string_view("-+.,:_").find(c) == std::string_view::npos) ++shape.others;
    // "Word" is one word: its capital is no change.
    const bool is_capital = before == 3 && now == 2;
    if (now != 0 && before != 0 && now != before && !is_capital) ++shape.changes;
    before = now;
    shape.is_hex = shape.is_hex && is_hexadecimal(c);
    shape.is_foreign = shape.is_foreign || c == '%' || static_cast<std::uint8_t>(c) >= 0x80;
  }
  return shape;
}

// 8-4-4-4-12 hexadecimal digits, perhaps in braces.
bool is_uuid(std::string_view text) {
  if (text.size() == 38 && text.starts_with('{') && text.ends_with('}')) {
    text = text.substr(1, 36);
  }
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text[i] != '-' : !is_hexadecimal(text[i])) return false;
  }
  return true;
}

// "2024-01-31", alone or with a time behind it.
bool is_date(std::string_view text) {
  if (text.size() < 10 || text.size() > 35) return false;
  for (std::size_t i = 0; i < 10; ++i) {
    if (i == 4 || i == 7 ? text[i] != '-' : !is_decimal(text[i])) return false;
  }
  return text.size() == 10 || text[10] == 'T' || text[10] == 't' || text[10] == '_';
}

bool is_email(std::string_view text) {
  std::size_t at = text.find('@');
  std::size_t mark_bytes = 1;
  if (at == std::string_view::npos) {
    at = text.find("%40");
    mark_bytes = 3;
  }
  return at != std::string_view::npos && at > 0 && at + mark_bytes < text.size();
}

// The placeholder for a segment; empty: it is a word.
std::string_view placeholder_of(std::string_view segment) {
  if (segment.empty()) return {};
  if (is_email(segment)) return "{email}";
  if (is_uuid(segment)) return "{uuid}";
  if (is_date(segment)) return "{date}";
  const Shape shape = shape_of(segment);
  if (shape.is_foreign) return "{text}";
  if (shape.digits > 0 && shape.letters == 0 && shape.others == 0) return "{id}";
  if (shape.is_hex && shape.digits > 0 && segment.size() >= kHashBytesMin) return "{hash}";
  if (shape.is_hex && segment.size() >= 2 * kHashBytesMin) return "{hash}";
  if (shape.digits > 0 && shape.changes >= 4 && segment.size() >= kTokenBytesMin) return "{token}";
  if (shape.digits >= kDigitsMin) return "{id}";
  if (segment.size() > kWordBytesMax) return "{text}";
  // A template's own marks in a path would read as placeholders, and controls as nothing.
  const bool is_plain = std::ranges::all_of(
      segment, [](char c) { return c > ' ' && c < 0x7f && c != '{' && c != '*'; });
  return is_plain ? std::string_view() : "{text}";
}

}  // namespace

std::string_view guess_template(std::string_view path, std::string& out) {
  out.clear();
  if (!path.starts_with('/')) return {};
  std::size_t segments = 0;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    // Parameters of a segment ("/cart;jsessionid=...") are values.
    std::string_view segment = path.substr(0, end);
    segment = segment.substr(0, segment.find(';'));
    path.remove_prefix(end);
    const std::string_view placeholder = placeholder_of(segment);
    const std::string_view shown = placeholder.empty() ? segment : placeholder;
    const std::size_t bytes_left = kTemplateBytesMax - kAnyPath.size() - out.size();
    if (++segments > kSegmentsShown || shown.size() + 1 > bytes_left) {
      out += kAnyPath;
      return out;
    }
    out.append("/").append(shown);
  }
  return out;
}

}  // namespace kernspan
