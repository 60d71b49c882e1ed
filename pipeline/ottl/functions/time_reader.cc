#include "pipeline/ottl/functions/time_reader.h"

#include <algorithm>
#include <utility>

#include "pipeline/ottl/functions/text_case.h"

namespace kernspan::ottl {
namespace {

constexpr std::int64_t kWeekNs = std::int64_t{7} * 86'400 * 1'000'000'000;

bool is_decimal(char c) {
  return c >= '0' && c <= '9';
}
bool is_capital(char c) {
  return c >= 'A' && c <= 'Z';
}

bool equal_but_for_case(std::string_view left, std::string_view right) {
  return lower_case(left) == lower_case(right);
}

}  // namespace

bool TimeReader::skip(std::string_view literal) {
  if (!left_.starts_with(literal)) return false;
  left_.remove_prefix(literal.size());
  return true;
}

std::optional<int> TimeReader::number(std::size_t min_digits, std::size_t max_digits) {
  std::size_t size = 0;
  int value = 0;
  for (; size < max_digits && size < left_.size() && is_decimal(left_[size]); ++size) {
    value = value * 10 + (left_[size] - '0');
  }
  if (size < min_digits) return std::nullopt;
  left_.remove_prefix(size);
  return value;
}

bool TimeReader::read_number(int& value, std::size_t min_digits, std::size_t max_digits) {
  const std::optional<int> read = number(min_digits, max_digits);
  if (read) value = *read;
  return read.has_value();
}

// `size`: of the abbreviated names; 0 for whole ones.
bool TimeReader::read_name(int& value, std::span<const std::string_view> names, std::size_t size) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string_view name = size == 0 ? names[i] : names[i].substr(0, size);
    if (!equal_but_for_case(left_.substr(0, name.size()), name)) continue;
    left_.remove_prefix(name.size());
    value = static_cast<int>(i);
    return true;
  }
  return false;
}

bool TimeReader::read_year(char directive) {
  has_year_ = true;
  if (directive == 'Y') return read_number(civil_.year, 4, 4);
  if (!read_number(civil_.year, 2, 2)) return false;
  civil_.year += civil_.year >= 69 ? 1900 : 2000;  // as POSIX has it
  return true;
}

bool TimeReader::read_date(char directive) {
  int ignored = 0;
  switch (directive) {
    case 'm':
      return read_number(civil_.month, 2, 2);
    case 'o':
      skip(" ");
      [[fallthrough]];
    case 'q':
      return read_number(civil_.month, 1, 2);
    case 'b':
    case 'B':
      if (!read_name(civil_.month, kMonthNames, directive == 'b' ? 3 : 0)) return false;
      ++civil_.month;
      return true;
    case 'd':
      return read_number(civil_.day, 2, 2);
    case 'e':
      skip(" ");
      [[fallthrough]];
    case 'g':
      return read_number(civil_.day, 1, 2);
    default:
      return read_name(ignored, kWeekdayNames, directive == 'a' ? 3 : 0);
  }
}

bool TimeReader::read_half_of_day(std::string_view morning, std::string_view afternoon) {
  half_of_day_ = left_.starts_with(morning) ? HalfOfDay::kMorning : HalfOfDay::kAfternoon;
  return skip(morning) || skip(afternoon);
}

// A fraction may follow, whether the format has one or not.
bool TimeReader::read_second() {
  if (!read_number(civil_.second, 2, 2)) return false;
  const bool has_fraction =
      left_.size() > 1 && (left_[0] == '.' || left_[0] == ',') && is_decimal(left_[1]);
  return !has_fraction || read_fraction(9, left_[0]);
}

bool TimeReader::read_fraction(std::size_t digits, char separator) {
  const bool is_optional = separator != 0;
  if (is_optional) {
    // Taken with the seconds, or none.
    if (left_.size() < 2 || left_[0] != separator || !is_decimal(left_[1])) return true;
    left_.remove_prefix(1);
    digits = 9;
  }
  const std::size_t before = left_.size();
  std::optional<int> fraction = number(is_optional ? 1 : digits, digits);
  if (!fraction) return false;
  for (std::size_t i = before - left_.size(); i < 9; ++i) *fraction *= 10;
  civil_.nanosecond = *fraction;
  return true;
}

bool TimeReader::read_offset(char directive) {
  if (left_.empty() || (left_[0] != '+' && left_[0] != '-')) return false;
  const int sign = left_[0] == '-' ? -1 : 1;
  left_.remove_prefix(1);
  const bool has_colons = directive == 'j' || directive == 'k';
  const int parts = directive == 'i' ? 1 : directive == 'z' || directive == 'j' ? 2 : 3;
  int seconds = 0;
  for (int part = 0; part < 3; ++part) {
    int value = 0;
    if (part < parts) {
      if (part > 0 && has_colons && !skip(":")) return false;
      if (!read_number(value, 2, 2)) return false;
    }
    seconds = seconds * 60 + value;
  }
  utc_offset_s_ = sign * seconds;
  return seconds <= 24 * 3600;
}

bool TimeReader::read_zone() {
  constexpr std::size_t kMinName = 3;
  constexpr std::size_t kMaxName = 5;
  std::size_t size = 0;
  while (size < left_.size() && is_capital(left_[size])) ++size;
  if (size < kMinName || size > kMaxName) return false;
  zone_ = left_.substr(0, size);
  left_.remove_prefix(size);
  return true;
}

bool TimeReader::read(char directive, char separator) {
  switch (directive) {
    case 'Y':
    case 'y':
      return read_year(directive);
    case 'H':
    case 'l':
      return read_number(civil_.hour, 1, 2);
    case 'I':
      return read_number(civil_.hour, 2, 2);
    case 'p':
      return read_half_of_day("AM", "PM");
    case 'P':
      return read_half_of_day("am", "pm");
    case 'M':
      return read_number(civil_.minute, 2, 2);
    case 'S':
      return read_second();
    case 'L':
      return read_fraction(3, separator);
    case 'f':
      return read_fraction(6, separator);
    case 's':
      return read_fraction(9, separator);
    case 'Z':
      return read_zone();
    case 'z':
    case 'i':
    case 'j':
    case 'k':
    case 'w':
      return read_offset(directive);
    default:
      return read_date(directive);
  }
}

// An abbreviation that the wanted zone has is that zone's; else it may itself be the name of a zone
// (HST, MST), and if it is not, it says nothing.
Result<Time> TimeReader::in_named_zone(const CivilTime& civil, std::string_view zone) const {
  const auto beyond = [] { return permanent("out of the years 1678 to 2261"); };
  const std::optional<Time> wanted = time_in_zone(civil, zone);
  if (zone_.empty() || (wanted && zone_abbreviation(*wanted) == zone_)) {
    if (!wanted) return beyond();
    return *wanted;
  }
  const bool is_utc = zone_ == "UTC" || zone_ == "GMT" || !is_zone(zone_);
  const std::optional<Time> time = is_utc ? time_of(civil, 0) : time_in_zone(civil, zone_);
  if (!time) return beyond();
  return *time;
}

Result<Time> TimeReader::finish(std::string_view zone, std::int64_t now_ns) const {
  CivilTime civil = civil_;
  if (half_of_day_ != HalfOfDay::kNone && civil.hour > 12) return permanent("hour out of range");
  if (half_of_day_ == HalfOfDay::kAfternoon && civil.hour < 12) civil.hour += 12;
  if (half_of_day_ == HalfOfDay::kMorning && civil.hour == 12) civil.hour = 0;
  if (!has_year_) civil.year = civil_time(in_local_zone(now_ns)).year;
  if (civil.month < 1 || civil.month > 12) return permanent("month out of range");
  if (civil.day < 1 || !is_in_month(civil.day, civil.month, has_year_ ? civil.year : 2000)) {
    return permanent("day out of range");
  }
  if (civil.hour > 23) return permanent("hour out of range");
  if (civil.minute > 59) return permanent("minute out of range");
  if (civil.second > 59) return permanent("second out of range");
  const auto resolve = [&]() -> Result<Time> {
    if (!utc_offset_s_) return in_named_zone(civil, zone);
    const std::optional<Time> time = time_of(civil, *utc_offset_s_);
    if (!time) return permanent("out of the years 1678 to 2261");
    return *time;
  };
  Result<Time> time = resolve();
  if (!time || has_year_ || time->unix_ns - kWeekNs <= now_ns) return time;
  --civil.year;
  return resolve();
}

}  // namespace kernspan::ottl
