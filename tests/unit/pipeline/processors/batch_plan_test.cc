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

}  // namespace
}  // namespace kernspan
