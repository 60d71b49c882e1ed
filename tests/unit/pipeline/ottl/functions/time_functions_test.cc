// The local zone is UTC here.
#include <stdlib.h>

#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

class TimeFunctions : public FunctionFixture {
 protected:
  static void SetUpTestSuite() { setenv("TZ", "UTC", 1); }
};

TEST_F(TimeFunctions, Time) {
  expect({
      {R"(Time("2023-04-12", "%Y-%m-%d"))", "time(2023-04-12T00:00:00Z)"},
      {R"(Time("11/11/11", "%d/%m/%y"))", "time(2011-11-11T00:00:00Z)"},
      {R"(Time("02/04/2023", "%m/%d/%Y"))", "time(2023-02-04T00:00:00Z)"},
      {R"(Time("July 31, 1993", "%B %d, %Y"))", "time(1993-07-31T00:00:00Z)"},
      {R"(Time("Mar 14 2023 17:02:59", "%b %d %Y %H:%M:%S"))", "time(2023-03-14T17:02:59Z)"},
      {R"(Time("Monday, May 01, 2023", "%A, %B %d, %Y"))", "time(2023-05-01T00:00:00Z)"},
      {R"(Time("Sat, May 20, 2023", "%a, %b %d, %Y"))", "time(2023-05-20T00:00:00Z)"},
      {R"(Time("Feb 15, 2023", "%b %d, %Y"))", "time(2023-02-15T00:00:00Z)"},
      {R"(Time("2023-05-26 12:34:56 HST", "%Y-%m-%d %H:%M:%S %Z"))",
       "time(2023-05-26T12:34:56-10:00)"},
      {R"(Time("2023-05-26T12:34:56 GMT", "%Y-%m-%dT%H:%M:%S %Z"))", "time(2023-05-26T12:34:56Z)"},
      {R"(Time("2012-11-01T22:08:41+0000 EST", "%Y-%m-%dT%H:%M:%S%z %Z"))",
       "time(2012-11-01T22:08:41Z)"},
      {R"(Time("1986-10-01T00:17:33 MST", "%Y-%m-%dT%H:%M:%S %Z"))",
       "time(1986-10-01T00:17:33-07:00)"},
      {R"(Time("2022/01/01", "%Y/%m/%d"))", "time(2022-01-01T00:00:00Z)"},
      {R"(Time("2023-05-26 12:34:56", "%Y-%m-%d %H:%M:%S", "America/New_York"))",
       "time(2023-05-26T12:34:56-04:00)"},
      {R"(Time("2023-05-26 12:34:56", "%Y-%m-%d %H:%M:%S", "Asia/Shanghai"))",
       "time(2023-05-26T12:34:56+08:00)"},
      {R"(Time("1986-10-01T00:17:33 MST", "%Y-%m-%dT%H:%M:%S %Z", "Asia/Shanghai"))",
       "time(1986-10-01T00:17:33-07:00)"},
      {R"(Time("2023-05-26 12:34:56 EDT", "%Y-%m-%d %H:%M:%S %Z", "America/New_York"))",
       "time(2023-05-26T12:34:56-04:00)"},
      {R"(Time("2023-05-26 12:34:56 XYZ", "%Y-%m-%d %H:%M:%S %Z"))", "time(2023-05-26T12:34:56Z)"},
  });
}

TEST_F(TimeFunctions, TimesAtTheEndsOfTheirRange) {
  expect({
      {"Unix(-9223372036, -854775808)", "time(1677-09-21T00:12:43.145224192Z)"},
      {"Nanosecond(Unix(-9223372036, -854775808))", "145224192"},
      {R"(FormatTime(Unix(-9223372036, -854775808), "%F %T.%s"))",
       "\"1677-09-21 00:12:43.145224192\""},
      {"Unix(9223372036, 854775807)", "time(2262-04-11T23:47:16.854775807Z)"},
      {R"(Time("1969-12-31T23:59:59.5-01:00", "%FT%T%j") + Duration("-1h"))",
       "time(1969-12-31T22:59:59.5-01:00)"},
      {R"(Time("1970-01-01T05:00:00+05:00", "%FT%T%j") + Duration("2562047h"))",
       "time(2262-04-12T04:00:00+05:00)"},
  });
}

TEST_F(TimeFunctions, Directives) {
  expect({
      {R"(Time("2023-05-26T12:34:56.789", "%FT%T.%L"))", "time(2023-05-26T12:34:56.789Z)"},
      {R"(Time("2023-05-26T12:34:56.789012", "%FT%T.%f"))", "time(2023-05-26T12:34:56.789012Z)"},
      {R"(Time("2023-05-26T12:34:56,123456789", "%FT%T,%s"))",
       "time(2023-05-26T12:34:56.123456789Z)"},
      {R"(Time("2023-05-26T12:34:56.25", "%FT%T"))", "time(2023-05-26T12:34:56.25Z)"},
      {R"(Time("2023-05-26T12:34:56", "%FT%T.%L"))", "time(2023-05-26T12:34:56Z)"},
      {R"(Time("5/ 7/2023 3:04 PM", "%q/%e/%Y %l:%M %p"))", "time(2023-05-07T15:04:00Z)"},
      {R"(Time("5/7/2023 12:04 am", "%q/%g/%Y %I:%M %P"))", "time(2023-05-07T00:04:00Z)"},
      {R"(Time("2023-05-26 02:03:04 pm -07:30", "%F %r %j"))", "time(2023-05-26T14:03:04-07:30)"},
      {R"(Time("Mon Jan 02 15:04:05 2006", "%c"))", "time(2006-01-02T15:04:05Z)"},
      {R"(Time("01/02/2006 15:04 +05", "%D %R %i"))", "time(2006-01-02T15:04:00+05:00)"},
      {R"(Time("100%", "%d0%%"))", "error: format string should not contain decimals"},
      // Without a year: this one (2023), or the last when that is more than a week ahead.
      {R"(Time("Nov 20 10:00", "%b %d %H:%M"))", "time(2023-11-20T10:00:00Z)"},
      {R"(Time("Dec 24 10:00", "%b %d %H:%M"))", "time(2022-12-24T10:00:00Z)"},
  });
}

TEST_F(TimeFunctions, WhatIsNoTime) {
  expect({
      {R"(Time("11/11/11", "%Y/%m/%d"))",
       R"(error: parsing time as "%Y/%m/%d": byte 0 begins no "%Y")"},
      {R"(Time("", "%Y-%m-%dT%H:%M:%S"))", "error: time cannot be nil"},
      {R"(Time("11/11/11", ""))", "error: format cannot be nil"},
      {R"(Time("11", "%E"))", "error: unsupported directive: %E"},
      {R"(Time("2023-05-26 12:34:56", "%Y-%m-%d %H:%M:%S", "Jupiter/Ganymede"))",
       "error: unknown time zone Jupiter/Ganymede"},
      {R"(Time("2023-05-26", "%Y-%m-%d", "", "foo-bar"))", "error: unsupported locale 'foo-bar'"},
      {R"(Time("2023-13-01", "%Y-%m-%d"))", "error: month out of range"},
      {R"(Time("2023-02-29", "%Y-%m-%d"))", "error: day out of range"},
      {R"(Time("2023-02-28 24:00", "%Y-%m-%d %H:%M"))", "error: hour out of range"},
      {R"(Time("2023-02-28x", "%Y-%m-%d"))", "error: 1 bytes of extra text"},
      {R"(Time("1066-10-14", "%Y-%m-%d"))", "error: out of the years 1678 to 2261"},
      {R"(Time(1, "%Y"))", "error: expected string"},
  });
}

TEST_F(TimeFunctions, FormatTime) {
  expect({
      {R"(FormatTime(Time("02/04/2023", "%m/%d/%Y"), "%A %h %e %Y"))", R"("Saturday Feb  4 2023")"},
      {R"(FormatTime(Unix(1680000000, 12345678), "%b %d %Y %H:%M:%S"))",
       R"("Mar 28 2023 10:40:00")"},
      {R"(FormatTime(Unix(1680000000, 12345678), "%F %T.%L %f %s"))",
       R"("2023-03-28 10:40:00.012 012345 012345678")"},
      {R"(FormatTime(TruncateTime(Unix(1680000000), Duration("10h")), "%Y-%m-%d %H:%M:%S"))",
       R"("2023-03-28 06:00:00")"},
      {R"(FormatTime(Time("2023-05-26 03:04:05", "%Y-%m-%d %H:%M:%S", "America/New_York"), "%I:%M %p %l%P %z %j %i %Z"))",
       R"("03:04 AM 3am -0400 -04:00 -04 EDT")"},
      {R"(FormatTime(Unix(0), "%a %b %o %q %g %y %D %R %k %w %Z%%%n%t"))",
       "\"Thu Jan  1 1 1 70 01/01/1970 00:00 +00:00:00 +000000 UTC%\n\t\""},
      {R"(FormatTime(Now(), "%Q"))", "error: unsupported directive: %Q"},
      {R"(FormatTime("now", "%Y"))", "error: expected time"},
  });
}

TEST_F(TimeFunctions, Parts) {
  expect({
      {"Now()", "time(2023-11-14T22:13:20Z)"},
      {"UnixSeconds(Now())", "1700000000"},
      {"Year(Now())", "2023"},
      {"Month(Now())", "11"},
      {"Day(Now())", "14"},
      {"Weekday(Now())", "2"},
      {"Hour(Now())", "22"},
      {"Minute(Now())", "13"},
      {"Second(Now())", "20"},
      {"Nanosecond(Unix(1, 5))", "5"},
      {R"(Hour(Time("2023-05-26 23:30:00", "%F %T", "Asia/Shanghai")))", "23"},
      {R"(Day(Unix(-1)))", "31"},
      {R"(Year("2023"))", "error: expected time"},
  });
}

TEST_F(TimeFunctions, Unix) {
  expect({
      {"Unix(1672527600)", "time(2022-12-31T23:00:00Z)"},
      {"Unix(1672527600, 500000000)", "time(2022-12-31T23:00:00.5Z)"},
      {"Unix(9223372037)", "error: out of the years 1678 to 2261"},
      {R"(Unix("1"))", "error: expected int"},
      {R"(UnixSeconds(Time("02/04/2023", "%m/%d/%Y")))", "1675468800"},
      {R"(UnixMilli(Time("02/04/2023", "%m/%d/%Y")))", "1675468800000"},
      {R"(UnixMicro(Time("02/04/2023", "%m/%d/%Y")))", "1675468800000000"},
      {R"(UnixNano(Time("02/04/2023", "%m/%d/%Y")))", "1675468800000000000"},
      {"UnixMilli(Unix(-1, 1))", "-1000"},
  });
}

TEST_F(TimeFunctions, Durations) {
  expect({
      {R"(Duration("3s"))", "duration(3s)"},
      {R"(Duration("333ms"))", "duration(333ms)"},
      {R"(Duration("1000000h"))", "duration(1000000h0m0s)"},
      {R"(Duration("100000000h"))", "error: time: invalid duration"},
      {R"(Duration("three"))", "error: time: invalid duration"},
      {R"(Duration(nil))", "error: expected string but got nil"},
      {R"(Hours(Duration("90m")))", "1.5"},
      {R"(Minutes(Duration("1h")))", "60.0"},
      {R"(Seconds(Duration("1500ms")))", "1.5"},
      {R"(Milliseconds(Duration("1h")))", "3600000"},
      {R"(Microseconds(Duration("-1500ns")))", "-1"},
      {R"(Nanoseconds(Duration("1h")))", "3600000000000"},
      {R"(Hours(Now()))", "error: expected duration"},
      {R"(TruncateTime(Unix(1680000001, 5), Duration("1s")))", "time(2023-03-28T10:40:01Z)"},
      {R"(TruncateTime(Unix(1680000001), Duration("24h")))", "time(2023-03-28T00:00:00Z)"},
      {R"(TruncateTime(Unix(-1), Duration("1m")))", "time(1969-12-31T23:59:00Z)"},
      {R"(TruncateTime(Unix(1, 5), Duration("0s")))", "time(1970-01-01T00:00:01.000000005Z)"},
      // Weeks begin on Mondays: the year 1 did.
      {R"(FormatTime(TruncateTime(Now(), Duration("168h")), "%a %F"))", R"("Mon 2023-11-13")"},
  });
}

}  // namespace
}  // namespace kernspan::ottl
