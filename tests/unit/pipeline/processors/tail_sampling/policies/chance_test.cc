#include "pipeline/processors/tail_sampling/policies/chance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace kernspan::sampling {
namespace {

double probability(std::vector<Chance> sampling, std::vector<Chance> dropping = {}) {
  std::vector<Chance> scratch;
  return probability_of(sampling, dropping, scratch);
}

constexpr Axis kOwn = 99;

TEST(ChanceTest, OneAxisIsExact) {
  const Chance tenth = Chance::of(0.1, 1);
  const Chance half = Chance::of(0.5, 1);
  EXPECT_EQ(probability({tenth}), 0.1);
  EXPECT_EQ(probability({tenth, half}), 0.5);
  EXPECT_EQ(both(tenth, half, kOwn).probability(), 0.1);
  EXPECT_EQ(probability({opposite(half, kOwn), tenth}), 0.6);
  EXPECT_TRUE(both(opposite(half, kOwn), tenth, kOwn).is_never());
}

TEST(ChanceTest, AxesAreIndependent) {
  const Chance tenth = Chance::of(0.1, 1);
  const Chance fifth = Chance::of(0.2, 2);
  EXPECT_NEAR(probability({tenth, fifth}), 1 - 0.9 * 0.8, 1e-15);
  EXPECT_NEAR(both(tenth, fifth, kOwn).probability(), 0.02, 1e-15);
}

TEST(ChanceTest, WhatIsDroppedIsTakenAway) {
  EXPECT_NEAR(probability({Chance::of(0.5, 1)}, {Chance::of(0.1, 1)}), 0.4, 1e-15);
  EXPECT_NEAR(probability({Chance::of(0.5, 1)}, {Chance::of(0.1, 2)}), 0.45, 1e-15);
  EXPECT_NEAR(probability({Chance::always()}, {Chance::of(0.9, 2)}), 0.1, 1e-15);
  EXPECT_EQ(probability({Chance::of(0.1, 1)}, {Chance::always()}), 0);
  EXPECT_EQ(probability({}), 0);
}

TEST(ChanceTest, EndsOfTheRange) {
  EXPECT_TRUE(Chance::of(0, 1).is_never());
  EXPECT_TRUE(Chance::of(-1, 1).is_never());
  EXPECT_TRUE(Chance::of(1, 1).is_always());
  EXPECT_TRUE(Chance::of(1.5, 1).is_always());
  EXPECT_TRUE(opposite(Chance::never(), kOwn).is_always());
  EXPECT_TRUE(opposite(Chance::always(), kOwn).is_never());
  EXPECT_TRUE(both(Chance::always(), Chance::always(), kOwn).is_always());
}

TEST(ChanceTest, OneSaltIsOneAxis) {
  Axes axes;
  const Axis salt = axes.of_salt("salt");
  EXPECT_EQ(axes.of_salt("salt"), salt);
  EXPECT_NE(axes.of_salt("other"), salt);
  EXPECT_NE(axes.own(), axes.own());
}

// Against the definition: draws of both axes' numbers, counted.
TEST(ChanceTest, IsWhatDrawingWouldShow) {
  std::mt19937_64 random(20261121);
  std::uniform_real_distribution<double> number(0, 1);
  for (int round = 0; round < 40; ++round) {
    const auto some = [&](std::size_t most) {
      std::vector<Chance> chances(random() % (most + 1));
      for (Chance& chance : chances) {
        chance = Chance::of(number(random), 1 + static_cast<Axis>(random() % 2));
        if (random() % 2 == 0) chance = opposite(chance, kOwn);
      }
      return chances;
    };
    std::vector<Chance> sampling = some(4);
    sampling.push_back(Chance::of(number(random), 1));
    const std::vector<Chance> dropping = some(2);
    constexpr int kDraws = 40'000;
    int sampled = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      const double numbers[] = {0, number(random), number(random)};
      const auto holds = [&](const Chance& chance) {
        return numbers[chance.axis] >= chance.low && numbers[chance.axis] < chance.high;
      };
      sampled += std::ranges::any_of(sampling, holds) && std::ranges::none_of(dropping, holds);
    }
    EXPECT_NEAR(probability(sampling, dropping), sampled / double{kDraws}, 0.015) << round;
  }
}

}  // namespace
}  // namespace kernspan::sampling
