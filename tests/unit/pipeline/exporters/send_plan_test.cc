#include "pipeline/exporters/sender/send_plan.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using Verdict = SendPlan::Verdict;

const SendOutcome kSent{};
const SendOutcome kRetry{.kind = SendOutcome::Kind::kRetryable, .message = "later"};
const SendOutcome kPermanent{.kind = SendOutcome::Kind::kPermanent, .message = "never"};

otlp::Batch batch(std::size_t spans, std::size_t bytes = 10) {
  return otlp::Batch::from_encoder(std::string(bytes, 'x'), spans);
}

SendPlan plan(const QueueSettings& queue) {
  const RetrySettings retry{
      .initial_interval = 1s, .randomization_factor = 0, .max_elapsed_time = 10s};
  return {queue, retry, [] { return 0.5; }};
}

TEST(SendPlan, SendsInOrderOfArrivalUpToTheNumberOfConsumers) {
  SendPlan sends = plan({.num_consumers = 2});
  for (std::size_t spans : {1, 2, 3}) sends.add(batch(spans), nullptr, 0s);
  Attempt* first = sends.take_due(0s);
  Attempt* second = sends.take_due(0s);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(first->batch.item_count(), 1U);
  EXPECT_EQ(second->batch.item_count(), 2U);
  EXPECT_EQ(sends.take_due(0s), nullptr);
  EXPECT_EQ(sends.in_flight(), 2U);

  EXPECT_EQ(sends.finish(first, kSent, 1s), Verdict::kSent);
  EXPECT_EQ(sends.remove(first).batch.item_count(), 1U);
  EXPECT_EQ(sends.take_due(1s)->batch.item_count(), 3U);
}

TEST(SendPlan, ABatchThatBacksOffKeepsItsConsumer) {
  SendPlan sends = plan({.num_consumers = 1});
  sends.add(batch(1), nullptr, 0s);
  sends.add(batch(2), nullptr, 0s);
  Attempt* attempt = sends.take_due(0s);
  EXPECT_EQ(sends.finish(attempt, kRetry, 0s), Verdict::kTryAgain);
  EXPECT_EQ(sends.next_due(), 1s);
  EXPECT_EQ(sends.take_due(999ms), nullptr);
  EXPECT_EQ(sends.take_due(1s), attempt);
  EXPECT_EQ(sends.next_due(), std::nullopt);
}

TEST(SendPlan, PermanentErrorsAndExhaustedRetriesEnd) {
  SendPlan sends = plan({});
  sends.add(batch(1), nullptr, 0s);
  Attempt* attempt = sends.take_due(0s);
  EXPECT_EQ(sends.finish(attempt, kPermanent, 0s), Verdict::kFailed);
  sends.remove(attempt);
  sends.add(batch(1), nullptr, 0s);
  attempt = sends.take_due(0s);
  EXPECT_EQ(sends.finish(attempt, kRetry, 9500ms), Verdict::kGaveUp);
  sends.remove(attempt);
  EXPECT_TRUE(sends.empty());
  EXPECT_EQ(sends.size(), 0U);
}

TEST(SendPlan, CountsInTheUnitOfItsSizer) {
  SendPlan requests = plan({.queue_size = 1});
  EXPECT_TRUE(requests.has_room_for(batch(1000)));
  requests.add(batch(1000), nullptr, 0s);
  EXPECT_FALSE(requests.has_room_for(batch(1)));

  SendPlan items = plan({.queue_size = 10, .sizer = QueueSizer::kItems});
  items.add(batch(7), nullptr, 0s);
  EXPECT_TRUE(items.has_room_for(batch(3)));
  EXPECT_FALSE(items.has_room_for(batch(4)));
  EXPECT_FALSE(items.fits_at_all(batch(11)));

  SendPlan bytes = plan({.queue_size = 100, .sizer = QueueSizer::kBytes});
  bytes.add(batch(1, 60), nullptr, 0s);
  EXPECT_TRUE(bytes.has_room_for(batch(1, 40)));
  EXPECT_FALSE(bytes.has_room_for(batch(1, 41)));
}

TEST(SendPlan, WhatIsInFlightStillTakesRoom) {
  SendPlan sends = plan({.queue_size = 1});
  sends.add(batch(1), nullptr, 0s);
  Attempt* attempt = sends.take_due(0s);
  EXPECT_FALSE(sends.has_room_for(batch(1)));
  sends.finish(attempt, kSent, 0s);
  sends.remove(attempt);
  EXPECT_TRUE(sends.has_room_for(batch(1)));
}

TEST(SendPlan, DrainingShortensTheWaits) {
  SendPlan sends = plan({});
  sends.add(batch(1), nullptr, 0s);
  Attempt* attempt = sends.take_due(0s);
  sends.finish(attempt, kRetry, 0s);
  EXPECT_EQ(sends.next_due(), 1s);
  sends.begin_drain();
  EXPECT_EQ(sends.take_due(1ms), attempt);
  sends.finish(attempt, kRetry, 1ms);
  EXPECT_EQ(sends.next_due(), 201ms);
}

TEST(SendPlan, OldestIdleLeavesOutWhatIsInFlight) {
  SendPlan sends = plan({.num_consumers = 1});
  EXPECT_EQ(sends.oldest_idle(), nullptr);
  sends.add(batch(1), nullptr, 0s);
  Attempt* second = sends.add(batch(2), nullptr, 0s);
  sends.take_due(0s);
  EXPECT_EQ(sends.oldest_idle(), second);
}

QueueSettings batching(std::uint64_t min, std::uint64_t max = 0) {
  return {.batch = {.enabled = true, .flush_timeout = 1s, .min_size = min, .max_size = max}};
}

TEST(SendPlanBatch, JoinsWhatWaitsOnceThereIsEnough) {
  SendPlan sends = plan(batching(10));
  sends.add(batch(4), nullptr, 0s);
  sends.add(batch(4), nullptr, 0s);
  EXPECT_EQ(sends.take_due(0s), nullptr);
  EXPECT_EQ(sends.next_due(), 1s);
  sends.add(batch(4), nullptr, 0s);
  sends.add(batch(4), nullptr, 0s);
  Attempt* joined = sends.take_due(0s);
  ASSERT_NE(joined, nullptr);
  EXPECT_EQ(joined->batch.item_count(), 12U) << "no more than it takes to reach min_size";
  EXPECT_EQ(sends.size(), 4U) << "requests, whether joined or not";
  sends.finish(joined, kSent, 0s);
  sends.remove(joined);
  EXPECT_EQ(sends.size(), 1U);
  EXPECT_EQ(sends.take_due(999ms), nullptr);
  EXPECT_EQ(sends.take_due(1s)->batch.item_count(), 4U) << "flush_timeout";
}

TEST(SendPlanBatch, StaysBelowMaxSizeAndTellsEveryCaller) {
  SendPlan sends = plan(batching(5, 9));
  std::array<SendWaiter, 3> waiters;
  for (SendWaiter& waiter : waiters) sends.add(batch(4), &waiter, 0s);
  Attempt* joined = sends.take_due(0s);
  ASSERT_NE(joined, nullptr);
  EXPECT_EQ(joined->batch.item_count(), 8U);
  EXPECT_EQ(joined->waiters, (std::vector<SendWaiter*>{&waiters[0], &waiters[1]}));
}

TEST(SendPlanBatch, NeverJoinsTwoSignals) {
  SendPlan sends = plan(batching(3));
  const auto points = [](std::size_t count) {
    return otlp::Batch::from_encoder("x", count, otlp::Signal::kMetrics);
  };
  sends.add(batch(2), nullptr, 0s);
  sends.add(points(2), nullptr, 1ms);
  EXPECT_EQ(sends.take_due(1ms), nullptr);
  sends.add(points(2), nullptr, 2ms);
  Attempt* metrics = sends.take_due(2ms);
  ASSERT_NE(metrics, nullptr);
  EXPECT_EQ(metrics->batch.signal(), otlp::Signal::kMetrics);
  EXPECT_EQ(metrics->batch.item_count(), 4U);
  sends.begin_drain();
  EXPECT_EQ(sends.take_due(2ms)->batch.item_count(), 2U) << "a drain waits for nothing";
}

}  // namespace
}  // namespace kernspan
