#include "pipeline/processors/group_by_trace/group_by_trace_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/processors/group_by_trace/trace_group.h"
#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TraceId id_of(std::uint8_t number) {
  TraceId id;
  id.bytes[0] = number;
  return id;
}

otlp::Batch spans(std::size_t count) {
  return *otlp::Batch::from_wire(otlp::reference_bytes(count));
}

TEST(TraceGroupTest, CollectsATraceUntilItsTime) {
  TraceGroup group(10, 100ns, KeyedIdHash(1));
  EXPECT_FALSE(group.add(id_of(1), spans(2), 1000));
  EXPECT_FALSE(group.add(id_of(2), spans(5), 1050));
  EXPECT_FALSE(group.add(id_of(1), spans(3), 1099));
  EXPECT_EQ(group.traces(), 2U);
  EXPECT_EQ(group.spans(), 10U);
  EXPECT_EQ(group.next_due_ns(), 1100U);
  EXPECT_FALSE(group.take_due(1099));
  const auto first = group.take_due(1100);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->item_count(), 5U);
  EXPECT_FALSE(group.take_due(1100)) << "the other's time has not come";
  EXPECT_TRUE(group.take_due(1100, true)) << "unless it is the end";
  EXPECT_EQ(group.spans(), 0U);
  EXPECT_FALSE(group.next_due_ns());
}

TEST(TraceGroupTest, ATraceThatComesAgainBeginsAnew) {
  TraceGroup group(10, 100ns, KeyedIdHash(1));
  group.add(id_of(1), spans(1), 1000);
  EXPECT_TRUE(group.take_due(1100));
  group.add(id_of(1), spans(1), 1200);
  EXPECT_EQ(group.next_due_ns(), 1300U);
}

TEST(TraceGroupTest, TheOldestGoesWhenThereIsNoRoom) {
  TraceGroup group(2, 100ns, KeyedIdHash(1));
  EXPECT_FALSE(group.add(id_of(1), spans(4), 1));
  EXPECT_FALSE(group.add(id_of(2), spans(1), 2));
  EXPECT_FALSE(group.add(id_of(1), spans(1), 3)) << "a trace that is there needs no room";
  const auto evicted = group.add(id_of(3), spans(1), 4);
  ASSERT_TRUE(evicted);
  EXPECT_EQ(evicted->item_count(), 5U);
  EXPECT_EQ(group.traces(), 2U);
}

class GroupByTraceTest : public ProcessorFixture {
 protected:
  GroupByTraceTest() : ProcessorFixture(group_by_trace_processor_factory()) {}

  void start(const std::string& yaml) {
    ASSERT_EQ(create(yaml), "");
    ASSERT_TRUE(processor_->start());
  }
  Status send(std::size_t count) { return processor_->consume(spans(count)); }
  void stop(std::chrono::milliseconds patience = kPatience) {
    processor_->stop(std::chrono::steady_clock::now() + patience);
  }
  double metric(const std::string& name) {
    const std::string whole = "otelcol_processor_groupbytrace_" + name;
    for (const MetricFamily& family : stage_.metrics.snapshot()) {
      if (family.name == whole) return family.samples.front().value;
    }
    return -1;
  }
  StageBalance balance() {
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    return balance;
  }
};

TEST_F(GroupByTraceTest, ReadsItsSettings) {
  EXPECT_EQ(create(""), "");
  EXPECT_EQ(create("{wait_duration: 30s, num_traces: 10000, num_workers: 4, "
                   "discard_orphans: false, store_on_disk: false}"),
            "");
  EXPECT_THAT(create("{discard_orphans: true}"), HasSubstr("not supported"));
  EXPECT_THAT(create("{store_on_disk: true}"), HasSubstr("not supported"));
  EXPECT_THAT(create("{num_workers: 0}"), HasSubstr("num_workers"));
  EXPECT_THAT(create("{num_traces: 0}"), HasSubstr("num_traces"));
}

TEST_F(GroupByTraceTest, ReleasesABatchForEachTrace) {
  start("{wait_duration: 10ms}");
  // Requests of the reference have a trace for each span.
  ASSERT_TRUE(send(3));
  ASSERT_TRUE(next_.wait_for_spans(3));
  EXPECT_THAT(next_.sizes(), ElementsAre(1U, 1U, 1U));
  stop();
  EXPECT_EQ(metric("traces_released"), 3);
  EXPECT_EQ(metric("spans_released"), 3);
  EXPECT_EQ(metric("traces_evicted"), 0);
  EXPECT_EQ(metric("conf_num_traces"), 1'000'000);
  EXPECT_EQ(balance().passed_on, 3U);
}

TEST_F(GroupByTraceTest, JoinsTheSpansOfATrace) {
  start("{wait_duration: 1h, num_workers: 3}");
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(send(5));
  EXPECT_EQ(metric("num_traces_in_memory"), 5);
  EXPECT_EQ(balance().held, 20U);
  stop();
  EXPECT_THAT(next_.sizes(), SizeIs(5));
  EXPECT_THAT(next_.sizes(), Each(4U));
  EXPECT_EQ(balance().held, 0U);
  EXPECT_FALSE(send(1)) << "nothing is taken after stop()";
}

TEST_F(GroupByTraceTest, ATraceWithoutRoomGoesOnEarlyAndIsCounted) {
  start("{wait_duration: 1h, num_traces: 2}");
  ASSERT_TRUE(send(5));
  ASSERT_TRUE(next_.wait_for_spans(3));
  EXPECT_EQ(metric("traces_evicted"), 3);
  EXPECT_EQ(metric("incomplete_releases"), 3);
  stop();
  EXPECT_EQ(balance().passed_on, 5U);
}

TEST_F(GroupByTraceTest, ARefusedTraceIsOfferedAgain) {
  next_.answer_next({ErrorKind::kRetryable, "full"});
  start("{wait_duration: 1ms}");
  ASSERT_TRUE(send(2));
  ASSERT_TRUE(next_.wait_for_spans(2));
  stop();
  EXPECT_EQ(balance().passed_on, 2U);
}

TEST_F(GroupByTraceTest, APermanentErrorDropsAndCounts) {
  next_.answer_next({ErrorKind::kPermanent, "never"});
  start("{wait_duration: 1ms}");
  ASSERT_TRUE(send(2));
  ASSERT_TRUE(next_.wait_for_spans(1));
  stop();
  EXPECT_EQ(balance().dropped.at("permanent_error"), 1U);
}

TEST_F(GroupByTraceTest, WhatIsRefusedUntilTheEndIsCounted) {
  next_.refuse_all(true);
  start("{wait_duration: 1h}");
  ASSERT_TRUE(send(3));
  stop(30ms);
  EXPECT_EQ(balance().dropped.at("shutdown"), 3U);
  EXPECT_EQ(balance().held, 0U);
}

}  // namespace
}  // namespace kernspan
