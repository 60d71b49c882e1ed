#include "agent/receiver/overhead_budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace kernspan {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

// Seconds of an agent that costs so much when everything is followed, some of it whatever is followed.
class BudgetStory {
 public:
  explicit BudgetStory(OverheadBudgetSettings settings) : budget_(settings) {
    budget_.update(now_ns_, cpu_ns_);
  }
  // One second; whether the step changed.
  bool second(double cpus_of_all, double fixed = 0) {
    const double cpus = fixed + (cpus_of_all - fixed) * budget_.probability();
    now_ns_ += kSecond;
    cpu_ns_ += static_cast<std::uint64_t>(cpus * kSecond);
    return budget_.update(now_ns_, cpu_ns_).has_value();
  }
  int changes(int seconds, double cpus_of_all, double fixed = 0) {
    int count = 0;
    for (int i = 0; i < seconds; ++i) count += second(cpus_of_all, fixed) ? 1 : 0;
    return count;
  }
  const OverheadBudget& budget() const { return budget_; }

 private:
  OverheadBudget budget_;
  std::uint64_t now_ns_ = 5 * kSecond;
  std::uint64_t cpu_ns_ = 123;
};

TEST(OverheadBudget, WithoutALimitItOnlyMeasures) {
  BudgetStory story({});
  EXPECT_EQ(story.changes(100, 64.0), 0);
  EXPECT_DOUBLE_EQ(story.budget().probability(), 1.0);
  EXPECT_NEAR(story.budget().cpus(), 64.0, 1e-6);
}

TEST(OverheadBudget, WithinTheLimitEverythingIsFollowed) {
  BudgetStory story({.max_cpus = 0.5});
  EXPECT_EQ(story.changes(100, 0.5), 0);
  EXPECT_EQ(story.budget().step(), 0u);
}

TEST(OverheadBudget, GoesDownByAsManyStepsAsTheExcessAsksFor) {
  BudgetStory story({.max_cpus = 0.1});
  EXPECT_TRUE(story.second(0.11));
  EXPECT_EQ(story.budget().step(), 1u);
  BudgetStory far({.max_cpus = 0.1});
  EXPECT_TRUE(far.second(0.35));
  EXPECT_EQ(far.budget().step(), 2u);
  BudgetStory further({.max_cpus = 0.1});
  EXPECT_TRUE(further.second(100.0));
  EXPECT_EQ(further.budget().step(), 3u);
}

TEST(OverheadBudget, NeverGoesBelowTheLeastProbability) {
  BudgetStory story({.max_cpus = 0.001, .min_probability = 1.0 / 16});
  story.changes(50, 8.0, 0.1);
  EXPECT_EQ(story.budget().step(), 4u);
  EXPECT_DOUBLE_EQ(story.budget().probability(), 1.0 / 16);
  // What is no power of two is not fallen short of.
  BudgetStory third({.max_cpus = 0.001, .min_probability = 0.3});
  third.changes(50, 8.0);
  EXPECT_DOUBLE_EQ(third.budget().probability(), 0.5);
  BudgetStory all({.max_cpus = 0.001, .min_probability = 1});
  EXPECT_EQ(all.changes(50, 8.0), 0);
}

TEST(OverheadBudget, StaysWhereASteadyLoadHasPutIt) {
  BudgetStory story({.max_cpus = 0.1});
  story.changes(10, 0.5);
  const auto step = story.budget().step();
  EXPECT_EQ(step, 3u);
  EXPECT_EQ(story.changes(1000, 0.5), 0);
  EXPECT_EQ(story.budget().step(), step);
}

TEST(OverheadBudget, ComesBackStepByStepWhenTheLoadHasGone) {
  BudgetStory story({.max_cpus = 0.1, .calm_intervals = 10});
  story.changes(10, 0.5);
  ASSERT_EQ(story.budget().step(), 3u);
  EXPECT_EQ(story.changes(9, 0.01), 0);
  EXPECT_TRUE(story.second(0.01));
  EXPECT_EQ(story.budget().step(), 2u);
  EXPECT_EQ(story.changes(20, 0.01), 2);
  EXPECT_EQ(story.budget().step(), 0u);
  EXPECT_EQ(story.changes(100, 0.01), 0);
}

// A second of rest does not end the calm that is needed; one that is not calm does.
TEST(OverheadBudget, CalmMustLast) {
  BudgetStory story({.max_cpus = 0.1, .calm_intervals = 3});
  story.second(0.15);
  ASSERT_EQ(story.budget().step(), 1u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(story.changes(2, 0.01), 0);
    EXPECT_FALSE(story.second(0.15));
  }
  EXPECT_EQ(story.changes(3, 0.01), 1);
}

// A load that is quiet for a while and then is back: each step back that was regretted makes the next one wait longer,
// until one was not.
TEST(OverheadBudget, WaitsLongerAfterEachStepThatWasRegretted) {
  BudgetStory story({.max_cpus = 0.1, .calm_intervals = 5, .calm_intervals_max = 20});
  story.second(0.15);
  const auto seconds_until_back = [&] {
    int seconds = 1;
    while (!story.second(0.01)) ++seconds;
    return seconds;
  };
  std::vector<int> waits;
  for (int round = 0; round < 4; ++round) {
    waits.push_back(seconds_until_back());
    ASSERT_EQ(story.budget().step(), 0u);
    EXPECT_TRUE(story.second(0.15));
  }
  EXPECT_EQ(waits, (std::vector{5, 10, 20, 20}));
  seconds_until_back();
  EXPECT_EQ(story.changes(30, 0.01), 0);
  EXPECT_TRUE(story.second(0.15));
  EXPECT_EQ(seconds_until_back(), 5);
}

TEST(OverheadBudget, AWholeIntervalMustPass) {
  OverheadBudget budget({.max_cpus = 0.1});
  EXPECT_FALSE(budget.update(1000, 0));
  EXPECT_FALSE(budget.update(1000 + kSecond - 1, 100 * kSecond));
  EXPECT_TRUE(budget.update(1000 + kSecond, 100 * kSecond));
  // A clock that an estimate has replaced may be behind.
  EXPECT_FALSE(budget.update(1000 + 2 * kSecond, 50 * kSecond));
  EXPECT_EQ(budget.cpus(), 0);
}

}  // namespace
}  // namespace kernspan
