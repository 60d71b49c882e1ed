#include "agent/receiver/drain_pace.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

using namespace std::chrono_literals;

TEST(DrainPace, KeepsItsIntervalUnderALightLoad) {
  DrainPace pace(5ms);
  EXPECT_EQ(pace.next(1), 5ms);
  EXPECT_EQ(pace.next(DrainPace::kRecords), 5ms);
}

TEST(DrainPace, SlowsDownWhileThereIsNothing) {
  DrainPace pace(5ms);
  EXPECT_EQ(pace.next(0), 10ms);
  EXPECT_EQ(pace.next(0), 20ms);
  EXPECT_EQ(pace.next(0), 20ms);
  EXPECT_EQ(pace.next(1), 5ms);
}

TEST(DrainPace, FindsSmallPortionsAtAnyRate) {
  for (const std::size_t records_per_ms : {30U, 60U, 120U}) {
    DrainPace pace(5ms);
    std::size_t records = 5 * records_per_ms;
    for (int i = 0; i < 5; ++i) {
      const auto wait_us = static_cast<std::size_t>(pace.next(records) / 1us);
      records = records_per_ms * wait_us / 1000;
      EXPECT_NEAR(static_cast<double>(records), double{DrainPace::kRecords}, 8);
    }
  }
}

TEST(DrainPace, NeverWaitsLessThanTheShortest) {
  DrainPace pace(5ms);
  EXPECT_EQ(pace.next(1 << 18), DrainPace::kShortest);
  EXPECT_EQ(pace.next(1 << 18), DrainPace::kShortest);
  EXPECT_EQ(pace.next(1), 5ms);
}

}  // namespace
}  // namespace kernspan
