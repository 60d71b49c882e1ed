#include "gateway/replicas/replica_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/replicas/simulated_replicas.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kA = "10.0.0.1:4319";
const std::string kB = "10.0.0.2:4319";
const MetricLabels kExtension = {{"extension", "replicas"}};
const MetricLabels kProcessor = {{"processor", "tail_sampling"}, {"pipeline", "traces"}};

class ReplicaSetTest : public testing::Test {
 protected:
  ReplicaSetTest() {
    settings_.sampling.decision_wait = seconds(10);
    settings_.sampling.num_shards = 1;
  }

  SimulatedReplica& start(const std::string& address) {
    replicas_.push_back(std::make_unique<SimulatedReplica>(
        network_, clock_, address, ++next_instance_, std::vector{kA, kB}, settings_));
    return *replicas_.back();
  }
  void pass(milliseconds time, bool with_network = true) {
    for (milliseconds passed{0}; passed < time; passed += milliseconds(50)) {
      clock_.advance(milliseconds(50));
      for (const auto& replica : replicas_) replica->round();
      while (with_network && network_.step()) continue;
    }
  }
  static otlp::Batch spans(std::size_t count) {
    return *otlp::Batch::from_wire(otlp::reference_bytes(count));
  }

  FakeClock clock_;
  SimulatedNetwork network_{1};
  SimulationSettings settings_;
  std::uint64_t next_instance_ = 1;
  std::vector<std::unique_ptr<SimulatedReplica>> replicas_;
};

TEST_F(ReplicaSetTest, EachHoldsWhatItOwns) {
  SimulatedReplica& a = start(kA);
  SimulatedReplica& b = start(kB);
  pass(seconds(1));
  ASSERT_TRUE(a.consume(spans(100)));
  pass(seconds(1));
  EXPECT_EQ(a.balance().taken, 100u);
  EXPECT_GT(a.balance().to_peers, 20u);
  EXPECT_EQ(b.balance().from_peers, a.balance().to_peers);
  EXPECT_EQ(a.balance().held + b.balance().held, 100u);
  EXPECT_EQ(a.metric("kernspan_replicas_ring_size", kExtension), 2);
  EXPECT_NEAR(a.metric("kernspan_replicas_owned_share", kExtension) +
                  b.metric("kernspan_replicas_owned_share", kExtension),
              1, 1e-9);
}

TEST_F(ReplicaSetTest, AFullQueueRefusesAllOfABatchRetryably) {
  settings_.queue_bytes = 4000;
  SimulatedReplica& a = start(kA);
  start(kB);
  pass(seconds(1));
  ASSERT_TRUE(a.consume(spans(100)));
  const Status refused = a.consume(spans(100));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(a.balance().taken, 100u);
  EXPECT_EQ(a.balance().refused, 100u);
  EXPECT_GT(a.metric("kernspan_replicas_hand_off_fullest_queue_bytes", kExtension), 0);
  EXPECT_EQ(a.metric("kernspan_replicas_hand_off_queue_limit_bytes", kExtension), 4000);
  pass(seconds(1));
  EXPECT_TRUE(a.consume(spans(100)));
}

TEST_F(ReplicaSetTest, WhatADeadPeerWasMeantToHaveIsKeptOnceItIsDown) {
  SimulatedReplica& a = start(kA);
  start(kB);
  pass(seconds(1));
  network_.cut(kB, true);
  ASSERT_TRUE(a.consume(spans(100)));
  pass(seconds(3));
  EXPECT_GT(a.metric("kernspan_replicas_hand_off_bytes", kExtension), 0);  // waits for it
  pass(seconds(4));
  EXPECT_EQ(a.metric("kernspan_replicas_ring_size", kExtension), 1);
  EXPECT_EQ(a.metric("kernspan_replicas_peers_down", kExtension), 1);
  EXPECT_EQ(a.metric("kernspan_replicas_hand_off_bytes", kExtension), 0);
  pass(seconds(12));
  EXPECT_EQ(a.sampler().kept.size(), 100u);
  EXPECT_EQ(a.balance().difference(), 0);
  network_.cut(kB, false);
  pass(seconds(2));
  EXPECT_EQ(a.metric("kernspan_replicas_ring_size", kExtension), 2);
}

TEST_F(ReplicaSetTest, AnAnswerThatIsLostMakesNoDuplicate) {
  SimulatedReplica& a = start(kA);
  SimulatedReplica& b = start(kB);
  pass(seconds(1));
  network_.loss = 0.4;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(a.consume(spans(50)));
    pass(milliseconds(500));
  }
  network_.loss = 0;
  pass(seconds(5));
  EXPECT_EQ(a.balance().to_peers, b.balance().from_peers);
  EXPECT_GT(b.metric("kernspan_replicas_duplicate_hand_offs", kExtension), 0);
}

TEST_F(ReplicaSetTest, AStopHandsEverythingOver) {
  SimulatedReplica& a = start(kA);
  SimulatedReplica& b = start(kB);
  pass(seconds(1));
  ASSERT_TRUE(a.consume(spans(100)));
  pass(seconds(1));
  a.announce_leave();
  pass(milliseconds(100));
  a.leave();
  ASSERT_TRUE(a.consume(spans(100)));  // receivers still drain
  pass(milliseconds(500));
  EXPECT_TRUE(a.is_drained());
  EXPECT_EQ(b.balance().held, 200u);
  EXPECT_EQ(b.metric("kernspan_replicas_ring_size", kExtension), 1);
  pass(seconds(20));
  EXPECT_EQ(b.sampler().kept.size(), 200u);
}

// The other stops at the same time, and does not take anything any more.
TEST_F(ReplicaSetTest, WhatNobodyTakesIsDecidedHere) {
  SimulatedReplica& a = start(kA);
  SimulatedReplica& b = start(kB);
  pass(seconds(1));
  ASSERT_TRUE(a.consume(spans(100)));
  network_.cut(kB, true);
  b.stop();
  a.announce_leave();
  a.leave();
  a.round();
  a.stop();
  EXPECT_EQ(a.sampler().kept.size(), 100u);
  EXPECT_EQ(a.balance().held, 0u);
  EXPECT_EQ(a.balance().difference(), 0);
}

TEST_F(ReplicaSetTest, AMessageOfAnotherGroupIsRefusedForEver) {
  SimulatedReplica& a = start(kA);
  const Hello hello{.address = kB, .instance = 1, .members = {}, .group = "others"};
  const PeerReply reply = a.set().answer(PeerMethod::kHello, {otlp::Slice(encode(hello))});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().kind, ErrorKind::kPermanent);
  EXPECT_FALSE(a.set().answer(PeerMethod::kHandOff, {otlp::Slice("garbage")}));
  EXPECT_EQ(a.metric("kernspan_replicas_malformed_messages", kExtension), 2);
}

TEST_F(ReplicaSetTest, AHandOffForWhatIsNotThereIsNotTaken) {
  SimulatedReplica& a = start(kA);
  const HandOffMessage message{
      .instance = 1, .sequence = 1, .group = "replicas", .channel = "nobody"};
  const PeerReply reply = a.set().answer(PeerMethod::kHandOff, encode(message));
  ASSERT_TRUE(reply);
  EXPECT_EQ(decode_answer(reply->view())->outcome, HandOffAnswer::Outcome::kNoChannel);
}

}  // namespace
}  // namespace kernspan::replicas
