#include "pipeline/base/duration.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace kernspan {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

struct Unit {
  std::string_view name;
  std::int64_t ns;
};

// Longer names first where one begins another. Micro is written with two different characters.
constexpr std::array kUnits = {
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"\u00b5s", 1'000},
    Unit{"\u03bcs", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Takes one unit off the front.
std::optional<std::int64_t> take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name)) {
      text.remove_prefix(unit.name.size());
      return unit.ns;
    }
  }
  return std::nullopt;
}

// Takes one "1.5h" off the front.
std::optional<std::int64_t> take_part(std::string_view& text) {
  std::int64_t whole = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); ++digits) {
    const std::int64_t digit = text[digits] - '0';
    if (whole > (kMax - digit) / 10) return std::nullopt;
    whole = whole * 10 + digit;
  }
  text.remove_prefix(digits);
  double fraction = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    double scale = 0.1;
    for (; !text.empty() && is_digit(text.front()); ++digits, scale /= 10) {
      fraction += (text.front() - '0') * scale;
      text.remove_prefix(1);
    }
  }
  if (digits == 0) return std::nullopt;
  const std::optional<std::int64_t> unit = take_unit(text);
  if (!unit || whole > kMax / *unit) return std::nullopt;
  const auto rest = static_cast<std::int64_t>(std::llround(fraction * static_cast<double>(*unit)));
  if (whole * *unit > kMax - rest) return std::nullopt;
  return whole * *unit + rest;
}

// "1.5" of 1500 thousandths.
std::string format_decimal(std::int64_t value, std::int64_t unit) {
  std::string text = fmt::format("{}", value / unit);
  std::int64_t rest = value % unit;
  if (rest == 0) return text;
  text += '.';
  while (rest != 0) {
    unit /= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds{0};
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const std::optional<std::int64_t> part = take_part(text);
    if (!part || total > kMax - *part) return std::nullopt;
    total += *part;
  }
  return std::chrono::nanoseconds{negative ? -total : total};
}

std::string format_duration(std::chrono::nanoseconds duration) {
  std::int64_t ns = duration.count();
  if (ns == 0) return "0s";
  if (ns == std::numeric_limits<std::int64_t>::min()) return "-2562047h47m16.854775808s";
  if (ns < 0) return "-" + format_duration(-duration);
  if (ns < 1'000) return fmt::format("{}ns", ns);
  if (ns < 1'000'000) return format_decimal(ns, 1'000) + "\u00b5s";
  if (ns < 1'000'000'000) return format_decimal(ns, 1'000'000) + "ms";
  const std::int64_t minutes = ns / 60'000'000'000;
  std::string seconds = format_decimal(ns % 60'000'000'000, 1'000'000'000) + "s";
  if (minutes == 0) return seconds;
  if (minutes < 60) return fmt::format("{}m{}", minutes, seconds);
  return fmt::format("{}h{}m{}", minutes / 60, minutes % 60, seconds);
}

}  // namespace kernspan
