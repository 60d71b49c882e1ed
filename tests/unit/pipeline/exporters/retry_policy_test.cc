#include "pipeline/exporters/sender/retry_policy.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

const Random kMiddle = [] { return 0.5; };  // no jitter

RetrySettings settings() {
  return {.initial_interval = 1s, .multiplier = 2, .max_interval = 5s, .max_elapsed_time = 20s};
}

TEST(Backoff, GrowsUpToTheMaximum) {
  Backoff backoff(settings(), 0s);
  EXPECT_EQ(backoff.next(settings(), 0s, 0s, kMiddle), 1s);
  EXPECT_EQ(backoff.next(settings(), 1s, 0s, kMiddle), 2s);
  EXPECT_EQ(backoff.next(settings(), 3s, 0s, kMiddle), 4s);
  EXPECT_EQ(backoff.next(settings(), 7s, 0s, kMiddle), 5s);
  EXPECT_EQ(backoff.next(settings(), 12s, 0s, kMiddle), 5s);
}

TEST(Backoff, EndsWhenTheNextWaitWouldPassTheBound) {
  Backoff backoff(settings(), 100s);
  EXPECT_EQ(backoff.next(settings(), 119s, 0s, kMiddle), 1s);
  EXPECT_EQ(backoff.next(settings(), 119s, 0s, kMiddle), std::nullopt);
}

TEST(Backoff, WithoutABoundItNeverEnds) {
  RetrySettings forever = settings();
  forever.max_elapsed_time = 0s;
  Backoff backoff(forever, 0s);
  EXPECT_EQ(backoff.next(forever, std::chrono::hours(24 * 365), 0s, kMiddle), 1s);
}

TEST(Backoff, JitterSpreadsAroundTheInterval) {
  Backoff backoff(settings(), 0s);
  EXPECT_EQ(Backoff(settings(), 0s).next(settings(), 0s, 0s, [] { return 0.0; }), 500ms);
  EXPECT_EQ(Backoff(settings(), 0s).next(settings(), 0s, 0s, [] { return 1.0; }), 1500ms);
}

TEST(Backoff, WaitsAsLongAsThePeerAsks) {
  Backoff backoff(settings(), 0s);
  EXPECT_EQ(backoff.next(settings(), 0s, 7s, kMiddle), 7s);
  EXPECT_EQ(backoff.next(settings(), 7s, 1ms, kMiddle), 2s);
  EXPECT_EQ(backoff.next(settings(), 9s, 12s, kMiddle), std::nullopt);  // past max_elapsed_time
}

TEST(Backoff, DisabledMeansNoSecondAttempt) {
  RetrySettings off = settings();
  off.enabled = false;
  EXPECT_EQ(Backoff(off, 0s).next(off, 0s, 0s, kMiddle), std::nullopt);
}

}  // namespace
}  // namespace kernspan
