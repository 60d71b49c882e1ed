#include "pipeline/processors/tail_sampling/shard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/processors/tail_sampling/shard_fixture.h"

namespace kernspan::sampling {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ShardTest = ShardFixture;

TEST_F(ShardTest, KeepsWholeTracesOnceTheWaitIsOver) {
  make({.decision_wait = 10s});
  verdict(1, Outcome::kSampled);
  send({{1, 1}, {2, 1}, {1, 2}});
  wait(9s);
  send({{1, 3}, {2, 2}});
  wait(999ms);
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_THAT(seen_, IsEmpty());
  wait(1ms);
  EXPECT_THAT(kept(), ElementsAre("1/1", "1/2", "1/3"));
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[0].spans, 3U);
  EXPECT_EQ(dropped("not_sampled"), 2U);
  EXPECT_EQ(counters_.traces_sampled.value(), 1U);
  EXPECT_EQ(counters_.traces_not_sampled.value(), 1U);
  EXPECT_EQ(counters_.new_traces.value(), 2U);
  expect_empty();
}

TEST_F(ShardTest, WaitsOfLessThanASecondAreExact) {
  make({.decision_wait = 30ms});
  verdict(1, Outcome::kSampled);
  send({{1, 1}});
  wait(29ms);
  EXPECT_THAT(kept(), IsEmpty());
  wait(1ms);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
}

TEST_F(ShardTest, WaitsOfManyTurnsOfTheWheelAreExact) {
  make({.decision_wait = 10min});
  verdict(1, Outcome::kSampled);
  send({{1, 1}});
  for (int i = 0; i < 599; ++i) wait(1s);
  wait(999ms);
  EXPECT_THAT(seen_, IsEmpty());
  wait(1ms);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
}

TEST_F(ShardTest, ALongSleepMissesNothing) {
  make({.decision_wait = 1s});
  for (int trace = 0; trace < 50; ++trace) {
    verdict(trace, Outcome::kSampled);
    send({{trace, 1}});
    clock_.advance(3ms);
  }
  wait(1h);
  EXPECT_EQ(kept().size(), 50U);
  EXPECT_FALSE(shard_->next_look());
}

TEST_F(ShardTest, TheNextLookIsSoonAfterTheFirstIsDue) {
  make({.decision_wait = 5s});
  EXPECT_FALSE(shard_->next_look());
  send({{1, 1}});
  const std::uint64_t due = clock_.monotonic_ns() + 5'000'000'000;
  ASSERT_TRUE(shard_->next_look());
  EXPECT_GE(*shard_->next_look(), due);
  EXPECT_LE(*shard_->next_look(), due + 10'000'000);
}

TEST_F(ShardTest, ARootMakesTheDecisionEarlierAndNeverLater) {
  make({.decision_wait = 10s, .decision_wait_after_root_received = 2s});
  verdict(1, Outcome::kSampled);
  verdict(2, Outcome::kSampled);
  send({{1, 1}, {2, 1}});
  wait(1s);
  send({{1, 2, true}});
  wait(1999ms);
  EXPECT_THAT(kept(), IsEmpty());
  wait(1ms);
  EXPECT_THAT(kept(), ElementsAre("1/1", "1/2"));
  wait(6s);              // 9 s
  send({{2, 2, true}});  // would be 11 s
  wait(999ms);
  EXPECT_THAT(kept(), IsEmpty());
  wait(1ms);
  EXPECT_THAT(kept(), ElementsAre("2/1", "2/2"));
  expect_empty();
}

TEST_F(ShardTest, LateSpansFollowADecidedTraceInMemory) {
  make({.decision_wait = 1s});
  verdict(1, Outcome::kSampled);
  verdict(3, Outcome::kDropped);
  send({{1, 1}, {2, 1}, {3, 1}});
  wait(1s);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
  wait(3s);
  send({{1, 2}, {2, 2}, {3, 2}, {1, 3}});
  EXPECT_THAT(kept(), ElementsAre("1/2", "1/3"));
  EXPECT_EQ(dropped("not_sampled"), 2U);
  EXPECT_EQ(dropped("dropped_by_policy"), 2U);
  EXPECT_EQ(counters_.late_spans.value(), 4U);
  EXPECT_EQ(counters_.late_span_age_s.value().count(), 4U);
  EXPECT_EQ(counters_.late_span_age_s.value().sum, 12);
  EXPECT_EQ(counters_.new_traces.value(), 3U);
  EXPECT_EQ(seen_.size(), 3U);
  EXPECT_EQ(shard_->traces().size(), 3U);
  expect_empty();
}

TEST_F(ShardTest, LateSpansFollowTheDecisionCache) {
  make({.decision_wait = 1s, .sampled_cache_size = 10, .non_sampled_cache_size = 10});
  verdict(1, Outcome::kSampled);
  verdict(3, Outcome::kDropped);
  send({{1, 1}, {2, 1}, {3, 1}});
  wait(1s);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
  EXPECT_EQ(shard_->traces().size(), 0U) << "what a cache knows is forgotten";
  send({{1, 2}, {2, 2}, {3, 2}, {2, 3}});
  EXPECT_THAT(kept(), ElementsAre("1/2"));
  EXPECT_EQ(counters_.cached_sampled_spans.value(), 1U);
  EXPECT_EQ(counters_.cached_not_sampled_spans.value(), 3U);
  EXPECT_EQ(counters_.late_span_age_s.value().count(), 0U) << "as upstream";
  EXPECT_EQ(dropped("not_sampled"), 3U);
  EXPECT_EQ(dropped("dropped_by_policy"), 2U);
  expect_empty();
}

TEST_F(ShardTest, TheCacheForgetsTheLeastRecentlyUsed) {
  make({.decision_wait = 1s, .sampled_cache_size = 2});
  for (int trace = 1; trace <= 3; ++trace) verdict(trace, Outcome::kSampled);
  send({{1, 1}});
  wait(1s);
  send({{2, 1}});
  wait(1s);
  send({{1, 2}});  // used: now 2 is the oldest
  send({{3, 1}});
  wait(1s);
  kept();
  send({{1, 3}, {2, 2}, {3, 2}});
  EXPECT_THAT(kept(), ElementsAre("1/3", "3/2"));
  EXPECT_EQ(shard_->traces().pending_count(), 1U) << "2 is a new trace";
}

TEST_F(ShardTest, OneCacheDoesNotDoForTheOther) {
  make({.decision_wait = 1s, .sampled_cache_size = 2});
  send({{1, 1}});
  wait(1s);
  EXPECT_EQ(shard_->traces().size(), 1U) << "it stays in memory as not sampled";
  send({{1, 2}});
  EXPECT_EQ(counters_.late_spans.value(), 1U);
  EXPECT_EQ(dropped("not_sampled"), 2U);
}

TEST_F(ShardTest, ALateSpanOfAForgottenTraceIsANewTrace) {
  make({.decision_wait = 1s, .num_traces = 1});
  verdict(1, Outcome::kSampled);
  send({{1, 1}});
  wait(1s);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
  send({{2, 1}});  // takes the place
  wait(1s);
  verdicts_.clear();
  send({{1, 2}});
  EXPECT_THAT(kept(), IsEmpty());
  wait(1s);
  EXPECT_EQ(dropped("not_sampled"), 2U) << "decided alone";
  EXPECT_EQ(counters_.new_traces.value(), 3U);
  expect_empty();
}

TEST_F(ShardTest, TheOldestTraceMakesRoom) {
  make({.decision_wait = 10s, .num_traces = 2});
  for (int trace = 1; trace <= 3; ++trace) verdict(trace, Outcome::kSampled);
  send({{1, 1}, {1, 2}});
  send({{2, 1}});
  send({{3, 1}});
  EXPECT_EQ(dropped("dropped_too_early"), 2U);
  EXPECT_EQ(counters_.dropped_too_early.value(), 1U);
  EXPECT_EQ(counters_.removal_age_s.value().count(), 1U);
  wait(10s);
  EXPECT_THAT(kept(), ElementsAre("2/1", "3/1"));
  expect_empty();
}

TEST_F(ShardTest, DecidedTracesMakeRoomBeforePendingOnes) {
  make({.decision_wait = 10s, .decision_wait_after_root_received = 1s, .num_traces = 2});
  verdict(1, Outcome::kSampled);
  send({{1, 1}});
  send({{2, 1, true}});
  wait(1s);
  send({{3, 1}});
  EXPECT_EQ(counters_.dropped_too_early.value(), 0U);
  wait(9s);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
}

TEST_F(ShardTest, TheOldestTraceIsDecidedWhenSoConfigured) {
  make({.decision_wait = 10s, .num_traces = 2, .decide_on_overflow = true});
  verdict(1, Outcome::kSampled);
  send({{1, 1}, {1, 2}});
  send({{2, 1}});
  send({{3, 1}});
  EXPECT_THAT(kept(), ElementsAre("1/1", "1/2"));
  EXPECT_EQ(counters_.dropped_too_early.value(), 0U);
  EXPECT_EQ(counters_.early_for_traces.value(), 1U);
}

TEST_F(ShardTest, BlocksWhenFullUntilADecisionMakesRoom) {
  make({.decision_wait = 10s, .num_traces = 2, .block_on_overflow = true});
  for (int trace = 1; trace <= 4; ++trace) verdict(trace, Outcome::kSampled);
  EXPECT_EQ(send({{1, 1}, {2, 1}, {1, 2}, {3, 1}, {4, 1}}), 3U);
  EXPECT_EQ(shard_->take(rest_, 3), 3U);
  wait(10s);
  EXPECT_THAT(kept(), ElementsAre("1/1", "2/1", "1/2"));
  EXPECT_EQ(shard_->take(rest_, 3), 5U) << "decided traces make room";
  wait(10s);
  EXPECT_EQ(counters_.dropped_too_early.value(), 0U);
  EXPECT_THAT(kept(), ElementsAre("3/1", "4/1"));
  expect_empty();
}

TEST_F(ShardTest, ATraceThatIsTooLargeIsDroppedAtOnce) {
  make({.decision_wait = 10s, .maximum_trace_size_bytes = 1000});
  verdict(1, Outcome::kSampled);
  verdict(2, Outcome::kSampled);
  send({{1, 1, false, "", 400}, {2, 1}});
  send({{1, 2, false, "", 400}});
  EXPECT_EQ(counters_.dropped_too_large.value(), 0U);
  send({{1, 3, false, "", 400}, {1, 4}});
  EXPECT_EQ(counters_.dropped_too_large.value(), 1U);
  EXPECT_EQ(dropped("trace_too_large"), 3U);
  EXPECT_EQ(dropped("not_sampled"), 1U) << "its late spans";
  wait(10s);
  EXPECT_THAT(kept(), ElementsAre("2/1"));
  EXPECT_EQ(counters_.traces_not_sampled.value(), 0U) << "no policy was asked";
  expect_empty();
}

TEST_F(ShardTest, TheSizeOfATraceIsThatOfItsPartsAsRequests) {
  make({.decision_wait = 10s});
  const std::size_t first = batch_of({{1, 1}, {1, 2}}).byte_count();
  const std::size_t second = batch_of({{1, 3}, {1, 4}}, 2).byte_count();
  send({{1, 1}, {1, 2}});
  send({{1, 3}, {1, 4}}, 2);
  wait(10s);
  ASSERT_EQ(seen_.size(), 1U);
  // But for tags and lengths of the messages around.
  EXPECT_LE(seen_[0].bytes, first + second);
  EXPECT_GE(seen_[0].bytes + 12 * 6, first + second);
}

TEST_F(ShardTest, WhatIsPendingIsDecidedAtTheEnd) {
  make({.decision_wait = 10s});
  verdict(1, Outcome::kSampled);
  send({{1, 1}, {2, 1}});
  shard_->finish();
  EXPECT_THAT(kept(), ElementsAre("1/1"));
  EXPECT_EQ(dropped("not_sampled"), 1U);
  expect_empty();
}

TEST_F(ShardTest, WhatIsPendingIsDroppedAtTheEndWhenSoConfigured) {
  make({.decision_wait = 10s, .drop_pending_traces_on_shutdown = true});
  verdict(1, Outcome::kSampled);
  send({{1, 1}, {2, 1}});
  shard_->finish();
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_THAT(seen_, IsEmpty());
  EXPECT_EQ(dropped("pending_at_shutdown"), 2U);
  expect_empty();
}

TEST_F(ShardTest, LimitsAreDividedAmongShards) {
  make({.decision_wait = 10s, .num_traces = 4}, 2);
  send({{1, 1}});
  send({{2, 1}});
  send({{3, 1}});
  EXPECT_EQ(counters_.dropped_too_early.value(), 1U);
}

TEST_F(ShardTest, ItFreesWhatItHoldsWhenItGoes) {
  make({.decision_wait = 10s});
  verdict(1, Outcome::kSampled);
  send({{1, 1}, {2, 1}});
  wait(10s);  // 1 is kept, and not taken
  send({{3, 1}});
  shard_.reset();
  EXPECT_EQ(memory_->used(), 0U);
}

// Decisions that other replicas have made.

TEST_F(ShardTest, HeldAndLateSpansFollowWhatIsToBeRemembered) {
  make({.decision_wait = 10s, .sampled_cache_size = 10});
  send({{1, 1}, {2, 1}});
  shard_->remember(trace_id(1), {.status = TraceStatus::kSampled});
  shard_->remember(trace_id(3), {.status = TraceStatus::kSampled});
  shard_->remember(trace_id(4), {.status = TraceStatus::kNotSampled});
  EXPECT_THAT(kept(), ElementsAre("1/1"));
  send({{3, 1}, {4, 1}});
  EXPECT_THAT(kept(), ElementsAre("3/1"));
  EXPECT_EQ(dropped("not_sampled"), 1U);
  EXPECT_EQ(shard_->traces().pending_count(), 1U);
}

// What another replica has sent is any byte.
TEST_F(ShardTest, ADecisionThatIsNoneIsNotRemembered) {
  make({.decision_wait = 10s});
  send({{1, 1}});
  shard_->remember(trace_id(1), {.status = TraceStatus::kPending});
  shard_->remember(trace_id(2), {.status = TraceStatus::kPending});
  EXPECT_EQ(shard_->traces().pending_count(), 1U);
  EXPECT_EQ(shard_->traces().size(), 1U);
}

TEST_F(ShardTest, WhatHasBeenSeenElsewhereIsDueEarlier) {
  make({.decision_wait = 10s});
  verdict(1, Outcome::kSampled);
  clock_.advance(1h);
  const otlp::Batch batch = batch_of({{1, 1}});
  stage_.books.take(1);
  stage_.books.hold(1);
  HeldRequest* const request = HeldRequest::make(batch.clone(), 7, *memory_);
  shard_->take({.request = request, .first_seen_ns = clock_.monotonic_ns() - 8'000'000'000}, 0);
  send({{2, 1}});
  wait(1999ms);
  EXPECT_THAT(seen_, IsEmpty());
  wait(1ms);
  EXPECT_THAT(kept(), ElementsAre("1/1"));
}

}  // namespace
}  // namespace kernspan::sampling
