#include "pipeline/ottl/functions/parse_int.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

namespace kernspan::ottl {
namespace {

// Takes the prefix off and answers what it says.
int base_of_prefix(std::string_view& digits) {
  const char second = digits.size() > 1 && digits[0] == '0' ? digits[1] : '\0';
  int base = 10;
  switch (second) {
    case '\0':
      return base;
    case 'b':
    case 'B':
      base = 2;
      break;
    case 'o':
    case 'O':
      base = 8;
      break;
    case 'x':
    case 'X':
      base = 16;
      break;
    default:
      digits.remove_prefix(1);
      return 8;
  }
  digits.remove_prefix(2);
  return base;
}

// Underscores stand alone, between digits or behind a prefix.
bool underscores_are_right(std::string_view digits, bool has_prefix) {
  if (digits.ends_with('_') || digits.find("__") != std::string_view::npos) return false;
  return has_prefix || !digits.starts_with('_');
}

}  // namespace

Result<std::int64_t> parse_int(std::string_view text, std::int64_t base) {
  const auto refuse = [&](std::string_view why) {
    return permanent(fmt::format("strconv.ParseInt: {}", why));
  };
  if (base < 0 || base == 1 || base > 36) return refuse(fmt::format("invalid base {}", base));
  std::string_view digits = text;
  const bool is_negative = digits.starts_with('-');
  if (is_negative || digits.starts_with('+')) digits.remove_prefix(1);
  std::string number(is_negative ? "-" : "");
  int used_base = static_cast<int>(base);
  if (base == 0) {
    const std::size_t size = digits.size();
    used_base = base_of_prefix(digits);
    if (!underscores_are_right(digits, digits.size() != size)) return refuse("invalid syntax");
  }
  for (const char c : digits) {
    if (base != 0 || c != '_') number += c;
  }
  const std::string_view unsigned_digits = std::string_view(number).substr(is_negative ? 1 : 0);
  if (unsigned_digits.empty() || unsigned_digits.starts_with('-')) return refuse("invalid syntax");
  std::int64_t value = 0;
  const char* const last = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), last, value, used_base);
  if (error == std::errc::result_out_of_range && end == last) return refuse("value out of range");
  if (error != std::errc() || end != last) return refuse("invalid syntax");
  return value;
}

}  // namespace kernspan::ottl
