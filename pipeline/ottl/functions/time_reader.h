#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/ottl/functions/civil_time.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

inline constexpr std::array<std::string_view, 12> kMonthNames = {
    "January", "February", "March",     "April",   "May",      "June",
    "July",    "August",   "September", "October", "November", "December"};
inline constexpr std::array<std::string_view, 7> kWeekdayNames = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

// Reads one text, directive by directive (time_layout.h).
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : left_(text) {}

  std::string_view left() const { return left_; }
  bool skip(std::string_view literal);
  // False when the text does not go on as the directive wants it. `separator`: time_layout.h.
  bool read(char directive, char separator);
  // As TimeLayout::parse(); the error is what is out of range.
  Result<Time> finish(std::string_view zone, std::int64_t now_ns) const;

 private:
  enum class HalfOfDay { kNone, kMorning, kAfternoon };

  std::optional<int> number(std::size_t min_digits, std::size_t max_digits);
  bool read_number(int& value, std::size_t min_digits, std::size_t max_digits);
  bool read_name(int& value, std::span<const std::string_view> names, std::size_t size);
  bool read_year(char directive);
  bool read_date(char directive);
  bool read_half_of_day(std::string_view morning, std::string_view afternoon);
  bool read_second();
  bool read_fraction(std::size_t digits, char separator);
  bool read_offset(char directive);
  bool read_zone();
  Result<Time> in_named_zone(const CivilTime& civil, std::string_view zone) const;

  std::string_view left_;
  CivilTime civil_{.year = 0};
  bool has_year_ = false;
  HalfOfDay half_of_day_ = HalfOfDay::kNone;
  std::optional<std::int32_t> utc_offset_s_;
  std::string zone_;
};

}  // namespace kernspan::ottl
