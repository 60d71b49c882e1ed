#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// What clock and calendar show at a time in its zone. Without ranges checked: month 13 is January
// of the next year.
struct CivilTime {
  int year = 1970;
  int month = 1;
  int day = 1;
  int weekday = 4;  // 0: Sunday. Ignored when a time is made of it
  int hour = 0;
  int minute = 0;
  int second = 0;
  int nanosecond = 0;
};

CivilTime civil_time(const Time& time);

// The time at which clocks that are `utc_offset_s` ahead show it; nothing when it is beyond what 64
// bits of nanoseconds can say (before 1677, after 2262).
std::optional<Time> time_of(const CivilTime& civil, std::int32_t utc_offset_s);
std::optional<Time> time_of_unix(std::int64_t seconds, std::int64_t nanoseconds);

// In a zone of the system's database, "" for the local one. Nothing when there is no such zone, or
// the time is beyond what a Time can say. Of the two times that a clock shows when it is set back
// this is the first.
std::optional<Time> time_in_zone(const CivilTime& civil, std::string_view zone);
bool is_zone(std::string_view name);

// The same moment with the local zone.
Time in_local_zone(std::int64_t unix_ns);

// "CET", "UTC"; "+01", "+0530" when the zone has no name.
std::string zone_abbreviation(const Time& time);

bool is_in_month(int day, int month, int year);

}  // namespace kernspan::ottl
