// sampling_strategy: span-ingest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/processors/tail_sampling/shard.h"
#include "tests/unit/pipeline/processors/tail_sampling/shard_fixture.h"

namespace kernspan::sampling {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ShardIngestTest : public ShardFixture {
 protected:
  void make_ingest(TailSamplingSettings settings) {
    settings.strategy = Strategy::kSpanIngest;
    make(settings);
  }
};

TEST_F(ShardIngestTest, SamplesAsSoonAsABatchMatches) {
  make_ingest({.decision_wait = 10s});
  send({{1, 1}, {2, 1}, {1, 2}});
  EXPECT_THAT(kept(), IsEmpty());
  verdict(1, Outcome::kSampled);
  send({{1, 3}});
  EXPECT_THAT(kept(), ElementsAre("1/1", "1/2", "1/3"));
  send({{1, 4}});
  EXPECT_THAT(kept(), ElementsAre("1/4")) << "a late span";
}

TEST_F(ShardIngestTest, PoliciesSeeOneBatchAndAllOfTheCount) {
  make_ingest({.decision_wait = 10s});
  send({{1, 1}, {2, 1}, {1, 2}});
  send({{1, 3}});
  ASSERT_EQ(seen_.size(), 3U);
  EXPECT_EQ(seen_[0].spans, 2U);
  EXPECT_EQ(seen_[0].span_count, 2U);
  EXPECT_EQ(seen_[2].spans, 1U);
  EXPECT_EQ(seen_[2].span_count, 3U);
}

TEST_F(ShardIngestTest, ABatchIsThatOfOneResource) {
  make_ingest({.decision_wait = 10s});
  send({{1, 1}, {1, 2}, {1, 3}, {1, 4}}, 2);
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[0].spans, 2U);
  EXPECT_EQ(seen_[1].spans, 2U);
  EXPECT_EQ(seen_[1].span_count, 4U);
}

TEST_F(ShardIngestTest, WhatNothingSampledInTimeIsNotSampled) {
  make_ingest({.decision_wait = 10s});
  send({{1, 1}});
  verdict(1, Outcome::kSampled);
  wait(10s);
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_EQ(seen_.size(), 1U) << "no policy is asked at the end";
  EXPECT_EQ(dropped("not_sampled"), 1U);
  EXPECT_EQ(counters_.traces_not_sampled.value(), 1U);
}

TEST_F(ShardIngestTest, DropsAtOnce) {
  make_ingest({.decision_wait = 10s});
  verdict(1, Outcome::kDropped);
  send({{1, 1}, {1, 2}});
  EXPECT_EQ(dropped("dropped_by_policy"), 2U);
}

TEST_F(ShardIngestTest, TheBoundsHoldHereToo) {
  make_ingest({.decision_wait = 10s,
               .num_traces = 1,
               .maximum_trace_size_bytes = 500,
               .block_on_overflow = true});
  EXPECT_EQ(send({{1, 1}, {2, 1}}), 1U);
  wait(10s);
  EXPECT_EQ(shard_->take(rest_, 1), 2U);
  send({{2, 2, false, "", 600}});
  EXPECT_EQ(dropped("trace_too_large"), 2U);
  expect_empty();
}

}  // namespace
}  // namespace kernspan::sampling
