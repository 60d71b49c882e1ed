#include "pipeline/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace kernspan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(LogLimiter, LetsOneThroughPerIntervalAndCountsTheRest) {
  LogLimiter limiter(std::chrono::nanoseconds(100));
  EXPECT_EQ(limiter.admit(1000), 0u);
  EXPECT_EQ(limiter.admit(1001), std::nullopt);
  EXPECT_EQ(limiter.admit(1099), std::nullopt);
  EXPECT_EQ(limiter.admit(1100), 2u);
  EXPECT_EQ(limiter.admit(1101), std::nullopt);
  EXPECT_EQ(limiter.admit(5000), 1u);
  EXPECT_EQ(limiter.admit(6000), 0u);
}

TEST(LogLimiter, LosesNoCountBetweenThreads) {
  LogLimiter limiter(std::chrono::nanoseconds(1'000'000));
  std::atomic<int> admitted{0};
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        if (limiter.admit(1)) ++admitted;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 1);
  EXPECT_EQ(limiter.admit(2'000'000), 3999u);
}

TEST(Log, WritesLinesFromTheLevelUp) {
  set_log_level(LogLevel::kWarn);
  ::testing::internal::CaptureStderr();
  log_info("not this {}", 1);
  log_warn("this {}", 2);
  log_error("and {}", "this");
  const std::string text = ::testing::internal::GetCapturedStderr();
  set_log_level(LogLevel::kInfo);
  EXPECT_THAT(text, Not(HasSubstr("not this")));
  EXPECT_THAT(text, HasSubstr("\twarn\tthis 2\n"));
  EXPECT_THAT(text, HasSubstr("\terror\tand this\n"));
}

TEST(Log, ALimitedLineIsWrittenOncePerCallSite) {
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 100; ++i) KERNSPAN_LOG_LIMITED(kWarn, "first site {}", i);
  KERNSPAN_LOG_LIMITED(kWarn, "second site");
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, HasSubstr("first site 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("first site 1")));
  EXPECT_THAT(text, HasSubstr("second site\n"));
}

TEST(Log, SaysHowManyLinesWereHeldBack) {
  ::testing::internal::CaptureStderr();
  write_limited_log(LogLevel::kWarn, "ring full", 41);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("ring full (41 more like this were held back)\n"));
}

}  // namespace
}  // namespace kernspan
