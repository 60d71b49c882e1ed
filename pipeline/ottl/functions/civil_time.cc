#include "pipeline/ottl/functions/civil_time.h"

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <limits>

namespace kernspan::ottl {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDaySeconds = 86'400;

std::int64_t floor_divide(std::int64_t number, std::int64_t by) {
  return number / by - (number % by < 0 ? 1 : 0);
}

// As a clock shows it, seconds since 1970 there.
std::int64_t civil_seconds(const CivilTime& civil) {
  using namespace std::chrono;
  const auto months = civil.month - 1;
  const year_month first = year(civil.year) / January + std::chrono::months(months);
  const std::int64_t days =
      sys_days(first / 1).time_since_epoch().count() + std::int64_t{civil.day} - 1;
  return ((days * 24 + civil.hour) * 60 + civil.minute) * 60 + civil.second;
}

std::optional<absl::TimeZone> load_zone(std::string_view name) {
  if (name.empty()) return absl::LocalTimeZone();
  absl::TimeZone zone;
  if (!absl::LoadTimeZone(absl::string_view(name.data(), name.size()), &zone)) return std::nullopt;
  return zone;
}

}  // namespace

CivilTime civil_time(const Time& time) {
  using namespace std::chrono;
  const std::int64_t utc_s = floor_divide(time.unix_ns, kSecondNs);
  const std::int64_t local_s = utc_s + time.utc_offset_s;
  const std::int64_t day_number = floor_divide(local_s, kDaySeconds);
  const sys_days day{days(day_number)};
  const year_month_day date(day);
  const auto in_day = static_cast<int>(local_s - day_number * kDaySeconds);
  const std::int64_t rest = time.unix_ns % kSecondNs;
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<int>(static_cast<unsigned>(date.month())),
          .day = static_cast<int>(static_cast<unsigned>(date.day())),
          .weekday = static_cast<int>(weekday(day).c_encoding()),
          .hour = in_day / 3600,
          .minute = in_day / 60 % 60,
          .second = in_day % 60,
          .nanosecond = static_cast<int>(rest < 0 ? rest + kSecondNs : rest)};
}

std::optional<Time> time_of_unix(std::int64_t seconds, std::int64_t nanoseconds) {
  std::int64_t unix_ns = 0;
  if (__builtin_mul_overflow(seconds, kSecondNs, &unix_ns) ||
      __builtin_add_overflow(unix_ns, nanoseconds, &unix_ns)) {
    return std::nullopt;
  }
  return Time{.unix_ns = unix_ns};
}

std::optional<Time> time_of(const CivilTime& civil, std::int32_t utc_offset_s) {
  std::optional<Time> time = time_of_unix(civil_seconds(civil) - utc_offset_s, civil.nanosecond);
  if (time) time->utc_offset_s = utc_offset_s;
  return time;
}

std::optional<Time> time_in_zone(const CivilTime& civil, std::string_view zone) {
  const std::optional<absl::TimeZone> found = load_zone(zone);
  if (!found) return std::nullopt;
  const absl::CivilSecond second(civil.year, civil.month, civil.day, civil.hour, civil.minute,
                                 civil.second);
  const absl::TimeZone::TimeInfo info = found->At(second);
  std::optional<Time> time = time_of(civil, found->At(info.pre).offset);
  if (time) time->zone = found->name();
  return time;
}

bool is_zone(std::string_view name) {
  return load_zone(name).has_value();
}

Time in_local_zone(std::int64_t unix_ns) {
  const absl::TimeZone zone = absl::LocalTimeZone();
  return {.unix_ns = unix_ns,
          .utc_offset_s = zone.At(absl::FromUnixNanos(unix_ns)).offset,
          .zone = zone.name()};
}

std::string zone_abbreviation(const Time& time) {
  if (!time.zone.empty()) {
    if (const std::optional<absl::TimeZone> zone = load_zone(time.zone)) {
      return zone->At(absl::FromUnixNanos(time.unix_ns)).zone_abbr;
    }
  }
  if (time.utc_offset_s == 0) return "UTC";
  const int minutes = std::abs(time.utc_offset_s) / 60;
  const char sign = time.utc_offset_s < 0 ? '-' : '+';
  if (minutes % 60 == 0) return fmt::format("{}{:02}", sign, minutes / 60);
  return fmt::format("{}{:02}{:02}", sign, minutes / 60, minutes % 60);
}

bool is_in_month(int day, int month, int year) {
  using namespace std::chrono;
  return year_month_day(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                        std::chrono::day(static_cast<unsigned>(day)))
      .ok();
}

}  // namespace kernspan::ottl
