#include "pipeline/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "pipeline/base/log_sampler.h"

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

// Leaves the log as it was for the other tests.
class LogOutputTest : public ::testing::Test {
 protected:
  LogOutputTest() {
    std::string pattern = ::testing::TempDir() + "logXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~LogOutputTest() override {
    LogOutput output;
    output.sampled = false;
    EXPECT_TRUE(configure_log(output));
    std::filesystem::remove_all(folder_);
  }
  std::string written() {
    std::ostringstream text;
    text << std::ifstream(folder_ / "log").rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
};

TEST_F(LogOutputTest, WritesJsonToAFile) {
  LogOutput output;
  output.json = true;
  output.paths = {folder_ / "log"};
  ASSERT_TRUE(configure_log(output));
  log_warn("a \"quoted\"\nline");
  EXPECT_THAT(written(), ::testing::MatchesRegex(
                             R"(\{"level":"warn","msg":"a \\"quoted\\"\\u000aline","ts":"[^"]+"\}
)"));
}

TEST_F(LogOutputTest, ThinsOutEqualLines) {
  LogOutput output;
  output.paths = {folder_ / "log"};
  output.initial = 2;
  output.thereafter = 10;
  output.interval = std::chrono::hours(1);
  ASSERT_TRUE(configure_log(output));
  for (int i = 0; i < 25; ++i) log_info("the same");
  log_info("another");
  const std::string text = written();
  // Lines 1 and 2, 12 and 22.
  EXPECT_EQ(std::ranges::count(text, '\n'), 5);
  EXPECT_EQ(log_lines_held_back(), 21U);
}

TEST_F(LogOutputTest, AFileThatCannotBeOpenedIsAnError) {
  LogOutput output;
  output.paths = {folder_};
  const Status configured = configure_log(output);
  ASSERT_FALSE(configured);
  EXPECT_THAT(configured.error().message, HasSubstr("the log cannot be written to"));
}

TEST(LogSampler, BeginsAnewWithEachInterval) {
  LogSampler sampler(1, 0, std::chrono::nanoseconds(100));
  EXPECT_TRUE(sampler.admit("a", 1000));
  EXPECT_FALSE(sampler.admit("a", 1001));
  EXPECT_TRUE(sampler.admit("a", 1100));
  EXPECT_EQ(sampler.held_back(), 1U);
}

}  // namespace
}  // namespace kernspan
