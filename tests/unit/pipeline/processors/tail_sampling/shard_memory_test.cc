// What a shard holds is bounded in bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/processors/tail_sampling/shard.h"
#include "tests/unit/pipeline/processors/tail_sampling/shard_fixture.h"

namespace kernspan::sampling {
namespace {

using namespace std::chrono_literals;
using ::testing::Gt;
using ::testing::Le;
using ::testing::SizeIs;

class ShardMemoryTest : public ShardFixture {
 protected:
  static constexpr std::uint64_t kLimit = 256 << 10;

  std::vector<std::string> order_;  // in which spans were kept

  void sample_all(int traces) {
    for (int trace = 0; trace < traces; ++trace) verdict(trace, Outcome::kSampled);
  }
};

TEST_F(ShardMemoryTest, AllThatIsHeldIsCounted) {
  make({.decision_wait = 10s, .non_sampled_cache_size = 100});
  const std::size_t bytes = batch_of({{1, 1, false, "", 1000}, {2, 1}}).byte_count();
  send({{1, 1, false, "", 1000}, {2, 1}});
  // Each is of a trace of its own.
  const std::uint64_t per_span = sizeof(otlp::IndexedSpan) + sizeof(SpanChunk);
  EXPECT_GT(memory_->used(), bytes + 2 * per_span + 2 * sizeof(TraceEntry));
  EXPECT_LT(memory_->used(), bytes + 2 * per_span + 2 * TraceTable::kEntryBytes + 400);
  wait(10s);
  EXPECT_EQ(memory_->used(), 2 * DecisionCache::kEntryBytes) << "what the cache knows";
}

TEST_F(ShardMemoryTest, ARequestIsHeldAsLongAsOneOfItsSpans) {
  make({.decision_wait = 10s,
        .decision_wait_after_root_received = 1s,
        .non_sampled_cache_size = 100});
  send({{1, 1, true, "", 5000}, {2, 1}});
  wait(1s);
  EXPECT_GT(memory_->used(), 5000U);
  wait(9s);
  EXPECT_LT(memory_->used(), 1000U);
}

TEST_F(ShardMemoryTest, WhenItIsShortTheOldestAreDecidedEarly) {
  make({.decision_wait = 1h}, 1, kLimit);
  sample_all(100);
  for (int trace = 0; trace < 100; ++trace) {
    send({{trace, 1, false, "", 4000}});
    if (!memory_->is_short()) continue;
    shard_->relieve();
    for (const std::string& span : kept()) order_.push_back(span);
    EXPECT_THAT(memory_->used(), Le(memory_->soft_limit()));
  }
  EXPECT_THAT(counters_.early_for_memory.value(), Gt(40U));
  ASSERT_THAT(order_, SizeIs(Gt(2U)));
  EXPECT_EQ(order_[0], "0/1");
  EXPECT_EQ(order_[1], "1/1");
  shard_->finish();
  for (const std::string& span : kept()) order_.push_back(span);
  EXPECT_THAT(order_, SizeIs(100U)) << "nothing is lost for want of memory";
  expect_empty();
}

TEST_F(ShardMemoryTest, AGiantTraceGoesBeforeTheOthers) {
  make({.decision_wait = 1h}, 1, kLimit);
  sample_all(60);
  for (int trace = 1; trace < 20; ++trace) send({{trace, 1, false, "", 2000}});
  // One trace that does not end. What it takes it pays for itself.
  for (int span = 0; span < 200; ++span) {
    send({{0, span, false, "", 4000}});
    if (memory_->is_short()) shard_->relieve();
    kept();
  }
  EXPECT_EQ(counters_.early_for_giant.value(), 1U);
  EXPECT_EQ(counters_.early_for_memory.value(), 0U);
  EXPECT_EQ(shard_->traces().pending_count(), 19U);
  EXPECT_THAT(memory_->used(), Le(memory_->soft_limit()));
}

TEST_F(ShardMemoryTest, ThereIsAlwaysAnEnd) {
  make({.decision_wait = 1h}, 1, kLimit);
  send({{1, 1, false, "", 300 << 10}});  // alone more than there is
  ASSERT_TRUE(memory_->is_short());
  shard_->relieve();
  EXPECT_EQ(shard_->traces().pending_count(), 0U);
  shard_->relieve();
  EXPECT_FALSE(memory_->is_short());
}

}  // namespace
}  // namespace kernspan::sampling
