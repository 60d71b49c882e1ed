#include "pipeline/base/duration.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

TEST(Duration, ReadsGoSyntax) {
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("5ns"), 5ns);
  EXPECT_EQ(parse_duration("5us"), 5us);
  EXPECT_EQ(parse_duration("5\u00b5s"), 5us);  // micro sign
  EXPECT_EQ(parse_duration("5\u03bcs"), 5us);  // Greek mu
  EXPECT_EQ(parse_duration("300ms"), 300ms);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration(".5s"), 500ms);
  EXPECT_EQ(parse_duration("1.s"), 1s);
  EXPECT_EQ(parse_duration("-2m"), -2min);
  EXPECT_EQ(parse_duration("+2m"), 2min);
  EXPECT_EQ(parse_duration("1h2m3s4ms5us6ns"), 1h + 2min + 3s + 4ms + 5us + 6ns);
  EXPECT_EQ(parse_duration("9223372036854775807ns"), nanoseconds::max());
}

TEST(Duration, RefusesEverythingElse) {
  for (const char* text : {"", "5", "s", ".", ".s", "1x", "1s ", " 1s", "1 s", "-", "+", "--1s",
                           "1h-5m", "1e3s", "3000000h", "9223372036854775808ns", "10d", "1M"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(Duration, IsWrittenAsGoWritesIt) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(7ns), "7ns");
  EXPECT_EQ(format_duration(1500ns), "1.5\u00b5s");
  EXPECT_EQ(format_duration(300ms), "300ms");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(90s), "1m30s");
  EXPECT_EQ(format_duration(90min), "1h30m0s");
  EXPECT_EQ(format_duration(-90min), "-1h30m0s");
  EXPECT_EQ(format_duration(nanoseconds::max()), "2562047h47m16.854775807s");
  EXPECT_EQ(format_duration(nanoseconds::min()), "-2562047h47m16.854775808s");
}

TEST(Duration, SurvivesTheRoundTrip) {
  for (const std::int64_t ns : {1L, 999L, 1001L, 1'000'001L, 59'999'999'999L, 60'000'000'001L,
                                3'599'999'999'999L, 86'400'000'000'000L}) {
    EXPECT_EQ(parse_duration(format_duration(nanoseconds(ns))), nanoseconds(ns));
  }
}

}  // namespace
}  // namespace kernspan
