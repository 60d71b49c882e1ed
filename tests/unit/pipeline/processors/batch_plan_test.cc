#include "pipeline/processors/batch/batch_plan.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using Trigger = BatchPlan::Trigger;

otlp::Batch batch(std::size_t spans) {
  return otlp::Batch::from_encoder(std::string(spans, 'x'), spans);
}

TEST(BatchPlan, NothingHeldIsNeverDue) {
  const BatchPlan plan({});
  EXPECT_EQ(plan.due(1h), Trigger::kNone);
  EXPECT_EQ(plan.next_due(), std::nullopt);
}

TEST(BatchPlan, TheTimeoutCountsFromTheOldestSpan) {
  BatchPlan plan({.send_batch_size = 100, .timeout = 200ms});
  plan.add(batch(1), 1s);
  plan.add(batch(1), 1190ms);
  EXPECT_EQ(plan.next_due(), 1200ms);
  EXPECT_EQ(plan.due(1199ms), Trigger::kNone);
  EXPECT_EQ(plan.due(1200ms), Trigger::kTimeout);
}

TEST(BatchPlan, ALargeBatchIsDueAtOnce) {
  BatchPlan plan({.send_batch_size = 10, .timeout = 1h});
  plan.add(batch(6), 0s);
  EXPECT_EQ(plan.due(0s), Trigger::kNone);
  plan.add(batch(6), 0s);
  EXPECT_EQ(plan.due(0s), Trigger::kSize);
}

TEST(BatchPlan, TakeMergesAndStartsOver) {
  BatchPlan plan({.timeout = 200ms});
  plan.add(batch(2), 0s);
  plan.add(batch(3), 0s);
  EXPECT_EQ(plan.take().item_count(), 5U);
  EXPECT_EQ(plan.next_due(), std::nullopt);
  plan.add(batch(1), 5s);
  EXPECT_EQ(plan.next_due(), 5200ms);
}

TEST(BatchPlan, ATimeoutOfZeroSendsAtOnce) {
  BatchPlan plan({.timeout = 0s});
  plan.add(batch(1), 7s);
  EXPECT_EQ(plan.due(7s), Trigger::kTimeout);
}

TEST(BatchPlan, ManyBytesAreDueAtOnce) {
  BatchPlan plan({.timeout = 1h, .send_batch_max_bytes = 10});
  plan.add(batch(9), 0s);
  EXPECT_EQ(plan.due(0s), Trigger::kNone);
  plan.add(batch(1), 0s);
  EXPECT_EQ(plan.due(0s), Trigger::kSize);
}

TEST(BatchPlan, HasRoomUpToItsBounds) {
  BatchPlan plan({.send_batch_max_size = 8, .send_batch_max_bytes = 10});
  EXPECT_TRUE(plan.has_room_for(batch(100))) << "whatever its size when nothing is held";
  plan.add(batch(5), 0s);
  EXPECT_TRUE(plan.has_room_for(batch(3)));
  EXPECT_FALSE(plan.has_room_for(batch(4)));
  EXPECT_TRUE(plan.has_room_for(otlp::Batch::from_encoder("12345", 1)));
  EXPECT_FALSE(plan.has_room_for(otlp::Batch::from_encoder("123456", 1)));
}

}  // namespace
}  // namespace kernspan
