// Converters of times and durations.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/base/duration.h"
#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/civil_time.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/time_layout.h"

namespace kernspan::ottl {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

// The system's, after a rounding down.
std::int64_t floor_divide(std::int64_t number, std::int64_t by) {
  return number / by - (number % by < 0 ? 1 : 0);
}

Result<Callable> build_now(Arguments& /*arguments*/) {
  return [](Evaluation& at) -> Result<Value> {
    return Value::time(in_local_zone(static_cast<std::int64_t>(at.clock.wall_ns())));
  };
}

// Of upstream's locales only English, which is what its tests without one use.
Status check_locale(std::string_view locale) {
  if (locale.empty() || locale == "en" || locale.starts_with("en-") || locale.starts_with("en_")) {
    return {};
  }
  return permanent(fmt::format("unsupported locale '{}': only English names are read", locale));
}

Result<Callable> build_time(Arguments& arguments) {
  auto getter = arguments.getter(0);
  Result<TimeLayout> layout = TimeLayout::create(arguments.text(1));
  if (!layout) return std::unexpected(layout.error());
  std::string zone = arguments.text(2);
  if (!is_zone(zone)) return permanent(fmt::format("unknown time zone {}", zone));
  if (Status checked = check_locale(arguments.text(3)); !checked) {
    return std::unexpected(checked.error());
  }
  return [getter = std::move(getter), layout = *std::move(layout),
          zone = std::move(zone)](Evaluation& at) -> Result<Value> {
    const Result<Value> text = getter->get(at);
    if (!text) return text;
    if (text->as_string().empty()) return permanent("time cannot be nil");
    Result<Time> time =
        layout.parse(text->as_string(), zone, static_cast<std::int64_t>(at.clock.wall_ns()));
    if (!time) return std::unexpected(time.error());
    return Value::time(*std::move(time));
  };
}

Result<Callable> build_format_time(Arguments& arguments) {
  auto getter = arguments.getter(0);
  Result<TimeLayout> layout = TimeLayout::create(arguments.text(1));
  if (!layout) return std::unexpected(layout.error());
  return
      [getter = std::move(getter), layout = *std::move(layout)](Evaluation& at) -> Result<Value> {
        const Result<Value> time = getter->get(at);
        if (!time) return time;
        return Value::string(layout.format(time->as_time()));
      };
}

Result<Value> duration_of(const Value& text) {
  const auto duration = parse_duration(text.as_string());
  if (!duration) {
    return permanent("time: invalid duration");
  }
  return Value::duration({duration->count()});
}

// Down to a multiple of the duration since the year 1, as Go counts.
Result<Value> truncate_time(const Value& time, const Value& duration) {
  constexpr std::int64_t kFirstYearToUnixSeconds = 62'135'596'800;
  const std::int64_t step_ns = duration.as_duration().ns;
  if (step_ns <= 0) return time;
  const __int128 since_first_year =
      static_cast<__int128>(kFirstYearToUnixSeconds) * kSecondNs + time.as_time().unix_ns;
  const auto beyond_ns = static_cast<std::int64_t>(since_first_year % step_ns);
  Time truncated = time.as_time();
  if (__builtin_sub_overflow(truncated.unix_ns, beyond_ns, &truncated.unix_ns)) {
    return permanent("the truncated time is before the year 1678");
  }
  return Value::time(std::move(truncated));
}

Result<Callable> build_unix(Arguments& arguments) {
  return [seconds_getter = arguments.getter(0),
          nanoseconds_getter =
              arguments.has(1) ? arguments.getter(1) : nullptr](Evaluation& at) -> Result<Value> {
    const Result<Value> seconds = seconds_getter->get(at);
    if (!seconds) return seconds;
    const Result<Value> nanoseconds = value_or(nanoseconds_getter, at, Value::integer(0));
    if (!nanoseconds) return nanoseconds;
    const std::optional<Time> time = time_of_unix(seconds->as_int(), nanoseconds->as_int());
    if (!time) return permanent("the time is out of the years 1678 to 2261");
    return Value::time(in_local_zone(time->unix_ns));
  };
}

template <auto member>
Result<Value> civil_part(const Value& time) {
  return Value::integer(civil_time(time.as_time()).*member);
}

template <std::int64_t unit_ns>
Result<Value> since_epoch(const Value& time) {
  return Value::integer(floor_divide(time.as_time().unix_ns, unit_ns));
}

template <std::int64_t unit_ns>
Result<Value> whole_units(const Value& duration) {
  return Value::integer(duration.as_duration().ns / unit_ns);
}

// Whole units first: what is exact stays exact.
template <std::int64_t unit_ns>
Result<Value> exact_units(const Value& duration) {
  const std::int64_t ns = duration.as_duration().ns;
  return Value::number(static_cast<double>(ns / unit_ns) +
                       static_cast<double>(ns % unit_ns) / static_cast<double>(unit_ns));
}

}  // namespace

void add_time_converters(FunctionTable& table) {
  using enum ParameterType;
  const std::vector<Parameter> time = {{"time", kTime}};
  const std::vector<Parameter> duration = {{"duration", kDuration}};
  table.add({"Now", {}, build_now});
  table.add({"Time",
             {{"time", kString},
              {"format", kTextLiteral},
              {"location", kTextLiteral, true},
              {"locale", kTextLiteral, true}},
             build_time});
  table.add({"FormatTime", {{"time", kTime}, {"format", kTextLiteral}}, build_format_time});
  table.add({"Duration", {{"duration", kString}}, of_one(duration_of)});
  table.add({"TruncateTime", {{"time", kTime}, {"duration", kDuration}}, of_two(truncate_time)});
  table.add({"Unix", {{"seconds", kInt}, {"nanoseconds", kInt, true}}, build_unix});
  table.add({"UnixSeconds", time, of_one(since_epoch<kSecondNs>)});
  table.add({"UnixMilli", time, of_one(since_epoch<1'000'000>)});
  table.add({"UnixMicro", time, of_one(since_epoch<1'000>)});
  table.add({"UnixNano", time, of_one(since_epoch<1>)});
  table.add({"Year", time, of_one(civil_part<&CivilTime::year>)});
  table.add({"Month", time, of_one(civil_part<&CivilTime::month>)});
  table.add({"Day", time, of_one(civil_part<&CivilTime::day>)});
  table.add({"Weekday", time, of_one(civil_part<&CivilTime::weekday>)});
  table.add({"Hour", time, of_one(civil_part<&CivilTime::hour>)});
  table.add({"Minute", time, of_one(civil_part<&CivilTime::minute>)});
  table.add({"Second", time, of_one(civil_part<&CivilTime::second>)});
  table.add({"Nanosecond", time, of_one(civil_part<&CivilTime::nanosecond>)});
  table.add({"Hours", duration, of_one(exact_units<3'600 * kSecondNs>)});
  table.add({"Minutes", duration, of_one(exact_units<60 * kSecondNs>)});
  table.add({"Seconds", duration, of_one(exact_units<kSecondNs>)});
  table.add({"Milliseconds", duration, of_one(whole_units<1'000'000>)});
  table.add({"Microseconds", duration, of_one(whole_units<1'000>)});
  table.add({"Nanoseconds", duration, of_one(whole_units<1>)});
}

}  // namespace kernspan::ottl
