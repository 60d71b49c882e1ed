#include "gateway/replicas/membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/base/ids.h"

namespace kernspan::replicas {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;

// This replica is "b"; it goes down after 5 s and forgets after 15 s.
class MembershipTest : public testing::Test {
 protected:
  std::vector<std::string> members() { return membership_.members(now_); }
  void wait(std::uint64_t seconds) { now_ += seconds * kSecond; }

  Membership membership_{"b", {}};
  std::uint64_t now_ = kSecond;
};

TEST_F(MembershipTest, ThisReplicaIsAMemberWhateverTheResolverSays) {
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.listed({"a", "c"}, now_);
  EXPECT_THAT(members(), ElementsAre("a", "b", "c"));
}

TEST_F(MembershipTest, WhoIsListedAndNotTriedYetIsIn) {
  membership_.listed({"a", "b"}, now_);
  wait(60);
  EXPECT_THAT(members(), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, WhoDoesNotAnswerForLongIsOutUntilItIsReached) {
  membership_.listed({"a"}, now_);
  membership_.failed("a", now_);
  wait(4);
  membership_.failed("a", now_);
  EXPECT_THAT(members(), ElementsAre("a", "b"));
  wait(1);
  EXPECT_THAT(members(), ElementsAre("b"));
  EXPECT_EQ(membership_.peers_down(), 1u);
  EXPECT_THAT(membership_.peers(), ElementsAre("a"));  // still asked
  membership_.reached("a", now_);
  EXPECT_THAT(members(), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, OneFailureAmongSuccessesMeansNothing) {
  membership_.listed({"a"}, now_);
  for (int i = 0; i < 20; ++i) {
    membership_.failed("a", now_);
    wait(1);
    membership_.reached("a", now_);
    wait(1);
    EXPECT_THAT(members(), ElementsAre("a", "b"));
  }
}

TEST_F(MembershipTest, WhoLeavesIsOutUntilAnotherProcessHasItsAddress) {
  membership_.listed({"a"}, now_);
  membership_.heard("a", 1, false, now_);
  membership_.heard("a", 1, true, now_);
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.heard("a", 1, false, now_);  // overtaken on the way
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.heard("a", 2, false, now_);
  EXPECT_THAT(members(), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, ARestartClearsWhatWasHeldAgainstTheAddress) {
  membership_.listed({"a"}, now_);
  membership_.failed("a", now_);
  wait(6);
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.heard("a", 7, false, now_);
  EXPECT_THAT(members(), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, WhoSaysHelloIsInWithoutTheResolver) {
  membership_.heard("c", 1, false, now_);
  EXPECT_THAT(members(), ElementsAre("b", "c"));
}

TEST_F(MembershipTest, ARumourIsAskedAndNoMember) {
  membership_.rumoured({"c", "b"}, now_);
  EXPECT_THAT(members(), ElementsAre("b"));
  EXPECT_THAT(membership_.peers(), ElementsAre("c"));
  wait(16);
  members();
  EXPECT_THAT(membership_.peers(), IsEmpty());
}

TEST_F(MembershipTest, AResolverThatFlapsChangesNothingForAWhile) {
  membership_.listed({"a", "c"}, now_);
  membership_.failed("c", now_);
  membership_.listed({}, now_);
  wait(1);
  membership_.listed({"a", "c"}, now_);
  EXPECT_THAT(members(), ElementsAre("a", "b", "c"));
}

TEST_F(MembershipTest, WhoIsNoLongerListedStaysWhileItAnswers) {
  membership_.listed({"a", "c"}, now_);
  membership_.heard("a", 1, false, now_);
  membership_.listed({}, now_);
  wait(16);
  EXPECT_THAT(members(), ElementsAre("a", "b"));  // nobody has heard c
  membership_.failed("a", now_);
  wait(5);
  EXPECT_THAT(members(), ElementsAre("b"));
  EXPECT_THAT(membership_.peers(), IsEmpty());
}

TEST_F(MembershipTest, AnotherNameOfAReplicaIsNoReplica) {
  membership_.listed({"localhost"}, now_);
  membership_.is_alias("localhost", "b", now_);
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.listed({"pod-a"}, now_);
  membership_.is_alias("pod-a", "a", now_);
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.heard("a", 1, false, now_);
  EXPECT_THAT(members(), ElementsAre("a", "b"));
}

TEST_F(MembershipTest, LeavesTheRingUnlessItIsTheLast) {
  membership_.leave();
  EXPECT_THAT(members(), ElementsAre("b"));
  membership_.heard("a", 1, false, now_);
  EXPECT_THAT(members(), ElementsAre("a"));
}

TEST_F(MembershipTest, RemembersABoundedNumberOfPeers) {
  for (std::size_t i = 0; i < 2 * Membership::kMaxPeers; ++i) {
    membership_.heard("peer" + std::to_string(i), 1, false, now_);
  }
  EXPECT_EQ(members().size(), Membership::kMaxPeers + 1);
}

}  // namespace
}  // namespace kernspan::replicas
