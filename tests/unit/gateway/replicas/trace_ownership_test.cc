#include "pipeline/component/trace_ownership.h"

#include <gtest/gtest.h>

#include "gateway/replicas/ring_view.h"

namespace kernspan::replicas {
namespace {

using std::chrono::seconds;
using MayDecide = TraceOwnership::MayDecide;

constexpr std::uint64_t kSecond = 1'000'000'000;

std::shared_ptr<const RingView> ring(std::uint64_t generation, std::vector<std::string> members) {
  return std::make_shared<const RingView>(generation, std::move(members), "a");
}

// A trace that "b" owns when both are there.
TraceId trace_of_b() {
  const auto both = ring(1, {"a", "b"});
  TraceId id;
  for (std::uint8_t i = 1;; ++i) {
    id.bytes[0] = i;
    if (both->owner(id) != ReplicaRing::kSelf) return id;
  }
}

TEST(TraceOwnership, WithoutReplicasEverythingIsMineAndMayBeDecided) {
  const TraceOwnership ownership;
  EXPECT_TRUE(ownership.is_mine(trace_of_b()));
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 1, 1), MayDecide::kYes);
}

TEST(TraceOwnership, WaitsAWindowAfterItHasSeenTheRingFirst) {
  const TraceOwnership ownership(ring(1, {"a"}), seconds(5), 10 * kSecond);
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 10 * kSecond, 14 * kSecond), MayDecide::kNotYet);
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 10 * kSecond, 15 * kSecond), MayDecide::kYes);
}

TEST(TraceOwnership, WaitsWithTracesThatHaveChangedHandsAndOnlyWithThese) {
  const TraceOwnership before(ring(1, {"a", "b"}), seconds(5), kSecond);
  const TraceOwnership now = before.after(ring(2, {"a"}), 20 * kSecond);
  EXPECT_EQ(now.may_decide(trace_of_b(), 20 * kSecond, 24 * kSecond), MayDecide::kNotYet);
  EXPECT_EQ(now.may_decide(trace_of_b(), 20 * kSecond, 25 * kSecond), MayDecide::kYes);
  TraceId mine;
  for (mine.bytes[0] = 1; !before.is_mine(mine);) ++mine.bytes[0];
  EXPECT_EQ(now.may_decide(mine, 20 * kSecond, 20 * kSecond), MayDecide::kYes);
}

TEST(TraceOwnership, DecidesAloneOnWhatNobodyTakesForLong) {
  const TraceOwnership ownership(ring(1, {"a", "b"}), seconds(5), kSecond);
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 100 * kSecond, 119 * kSecond), MayDecide::kNotYet);
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 100 * kSecond, 120 * kSecond), MayDecide::kAlone);
}

TEST(TraceOwnership, ManyChangesInAWindowOnlyMakeItWait) {
  TraceOwnership ownership(ring(1, {"a"}), seconds(5), kSecond);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ownership = ownership.after(ring(2 + i, {"a"}), 100 * kSecond + i * 1000);
  }
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 100 * kSecond, 101 * kSecond), MayDecide::kNotYet);
  EXPECT_EQ(ownership.may_decide(trace_of_b(), 100 * kSecond, 106 * kSecond), MayDecide::kYes);
}

TEST(RingView, SharesAddUpAndWhoHasLeftOwnsNothing) {
  const auto a = std::make_shared<const RingView>(1, std::vector<std::string>{"a", "b"}, "a");
  const auto b = std::make_shared<const RingView>(1, std::vector<std::string>{"a", "b"}, "b");
  EXPECT_NEAR(a->owned_share() + b->owned_share(), 1, 1e-9);
  EXPECT_EQ(a->owner(trace_of_b()), 1u);
  EXPECT_EQ(b->owner(trace_of_b()), ReplicaRing::kSelf);
  const auto gone = std::make_shared<const RingView>(2, std::vector<std::string>{"b"}, "a");
  EXPECT_EQ(gone->owned_share(), 0);
  EXPECT_EQ(gone->owner(trace_of_b()), 1u);
  EXPECT_EQ(gone->address(1), "b");
}

}  // namespace
}  // namespace kernspan::replicas
