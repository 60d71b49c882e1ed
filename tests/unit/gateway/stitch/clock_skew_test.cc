#include "gateway/stitch/clock_skew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace kernspan::stitch {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kBegin = 1'700'000'000 * kSecond;

// A request that takes `there` to the server, `work` there and `back`, when the server's clock is
// ahead by `skew`.
Exchange exchange(std::int64_t skew, std::uint64_t there, std::uint64_t work, std::uint64_t back) {
  const std::uint64_t server = kBegin + there + static_cast<std::uint64_t>(skew);
  return {.client_start_ns = kBegin,
          .client_end_ns = kBegin + there + work + back,
          .server_start_ns = server,
          .server_end_ns = server + work};
}

TEST(ClockSkewTest, OneExchangeBoundsTheOffset) {
  const auto offset = offset_of(exchange(5'000, 300, 1000, 500));
  ASSERT_TRUE(offset);
  EXPECT_EQ(offset->lower_ns, 4'500);
  EXPECT_EQ(offset->upper_ns, 5'300);
  EXPECT_EQ(offset->middle_ns(), 4'900);
  EXPECT_TRUE(offset->is_proven());
  EXPECT_FALSE(offset_of(exchange(100, 300, 1000, 500))->is_proven());
}

TEST(ClockSkewTest, ContradictionsSayNothing) {
  Exchange longer = exchange(0, 100, 1000, 100);
  longer.server_end_ns += 500;
  EXPECT_FALSE(offset_of(longer)) << "a server that works longer than its client waits";
  EXPECT_FALSE(offset_of({.client_start_ns = 0,
                          .client_end_ns = 1,
                          .server_start_ns = std::numeric_limits<std::uint64_t>::max() / 2,
                          .server_end_ns = std::numeric_limits<std::uint64_t>::max() / 2}))
      << "centuries";
}

TEST(ClockSkewTest, FindsTheOffsetInSpiteOfTheNetwork) {
  constexpr std::int64_t kSkew = 200'000'000;
  std::mt19937_64 random(7);
  std::uniform_int_distribution<std::uint64_t> delay(50'000, 20'000'000);
  ClockSkew skew(16);
  for (std::uint64_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(skew.observe("a", "b", exchange(kSkew, delay(random), 1'000'000, delay(random)),
                             i * kSecond));
  }
  const auto estimate = skew.estimate("a", "b");
  ASSERT_TRUE(estimate);
  EXPECT_LE(estimate->lower_ns, kSkew);
  EXPECT_GE(estimate->upper_ns, kSkew);
  EXPECT_NEAR(static_cast<double>(estimate->middle_ns()), kSkew, 2'000'000);
  EXPECT_EQ(skew.estimate("b", "a"), estimate->reversed());
  EXPECT_EQ(skew.pairs(), 1U);
}

TEST(ClockSkewTest, BothDirectionsTeachTheSame) {
  ClockSkew skew(16);
  skew.observe("a", "b", exchange(1'000'000, 100'000, 50, 400'000), 1);
  skew.observe("b", "a", exchange(-1'000'000, 100'000, 50, 400'000), 2);
  const auto estimate = skew.estimate("a", "b");
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->lower_ns, 900'000);
  EXPECT_EQ(estimate->upper_ns, 1'100'000);
}

TEST(ClockSkewTest, AFewWrongTimesDoNotMoveIt) {
  ClockSkew skew(16);
  for (std::uint64_t i = 0; i < 64; ++i) {
    const std::int64_t wrong = i % 8 == 3 ? 3'000'000'000 : 0;
    skew.observe("a", "b", exchange(5'000'000 + wrong, 100'000, 50, 100'000), i * kSecond);
  }
  EXPECT_EQ(skew.estimate("a", "b")->middle_ns(), 5'000'000);
}

TEST(ClockSkewTest, AClockThatWasSteppedIsFollowed) {
  ClockSkew skew(16);
  std::uint64_t now = 0;
  for (int i = 0; i < 64; ++i) {
    skew.observe("a", "b", exchange(5'000'000, 100'000, 50, 100'000), now += kSecond);
  }
  for (int i = 0; i < 64; ++i) {
    skew.observe("a", "b", exchange(-9'000'000, 100'000, 50, 100'000), now += kSecond);
  }
  EXPECT_EQ(skew.estimate("a", "b")->middle_ns(), -9'000'000);
}

TEST(ClockSkewTest, WhatIsOldDoesNotCount) {
  ClockSkew skew(16);
  for (int i = 0; i < 10; ++i) {
    skew.observe("a", "b", exchange(5'000'000, 100'000, 50, 100'000), kSecond);
  }
  skew.observe("a", "b", exchange(7'000'000, 100'000, 50, 100'000), 1000 * kSecond);
  EXPECT_EQ(skew.estimate("a", "b")->middle_ns(), 7'000'000);
}

TEST(ClockSkewTest, KeepsThePairsThatAreUsed) {
  ClockSkew skew(2);
  const Exchange any = exchange(5, 10, 10, 10);
  skew.observe("a", "b", any, 1);
  skew.observe("a", "c", any, 2);
  skew.observe("a", "b", any, 3);
  skew.observe("a", "d", any, 4);
  EXPECT_EQ(skew.pairs(), 2U);
  EXPECT_TRUE(skew.estimate("a", "b"));
  EXPECT_FALSE(skew.estimate("a", "c"));
  EXPECT_TRUE(skew.estimate("a", "d"));
  EXPECT_FALSE(skew.observe("a", "a", any, 5)) << "a node has one clock";
}

TEST(ClockSkewTest, ShowsTheWorstPairs) {
  ClockSkew skew(16);
  skew.observe("a", "b", exchange(1'000'000, 10, 10, 10), 1);
  skew.observe("a", "c", exchange(-9'000'000, 10, 10, 10), 1);
  skew.observe("a", "d", exchange(4'000'000, 10, 10, 10), 1);
  const auto worst = skew.largest(2);
  ASSERT_EQ(worst.size(), 2U);
  EXPECT_EQ(worst[0].peer, "c");
  EXPECT_EQ(worst[0].offset.middle_ns(), -9'000'000);
  EXPECT_EQ(worst[1].peer, "d");
}

}  // namespace
}  // namespace kernspan::stitch
