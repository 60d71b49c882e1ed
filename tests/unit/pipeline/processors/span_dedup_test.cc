#include "pipeline/processors/span_dedup/span_dedup_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kSecond = 1'000'000'000;

otlp::Batch batch_of(const otlp::ReferenceRequest& request) {
  return *otlp::Batch::from_wire(request.SerializeAsString());
}

class SeenSpansTest : public ::testing::Test {
 protected:
  std::size_t left(const otlp::ReferenceRequest& request, std::uint64_t now_ns) {
    const auto filtered = seen_.filter(batch_of(request), now_ns);
    EXPECT_EQ(filtered.duplicates + filtered.batch.item_count(),
              static_cast<std::size_t>(request.resource_spans(0).scope_spans(0).spans_size()));
    return filtered.batch.item_count();
  }

  SeenSpans seen_{{.window_ns = 10 * kSecond, .max_spans = 20}, KeyedIdHash(7)};
};

TEST_F(SeenSpansTest, KnowsASpanForTheWindow) {
  const auto request = otlp::reference_request(3);
  EXPECT_EQ(left(request, 100 * kSecond), 3U);
  EXPECT_EQ(left(request, 101 * kSecond), 0U);
  EXPECT_EQ(left(request, 109 * kSecond), 0U);
  EXPECT_EQ(left(request, 130 * kSecond), 3U);
}

TEST_F(SeenSpansTest, ASpanSeenLateInAGenerationIsKnownAsLong) {
  left(otlp::reference_request(1), 100 * kSecond);
  otlp::ReferenceRequest other = otlp::reference_request(2);
  other.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans()->DeleteSubrange(0, 1);
  EXPECT_EQ(left(other, 109 * kSecond), 1U);
  EXPECT_EQ(left(other, 118 * kSecond), 0U);
}

// Callers read the clock before they wait for each other.
TEST_F(SeenSpansTest, ACallerThatIsBehindForgetsNothing) {
  EXPECT_EQ(left(otlp::reference_request(1), 100 * kSecond), 1U);
  EXPECT_EQ(left(otlp::reference_request(2), 100 * kSecond - 1), 1U);
  EXPECT_EQ(left(otlp::reference_request(3), 100 * kSecond), 1U);
}

TEST_F(SeenSpansTest, DifferentKindsAreDifferentSpans) {
  auto request = otlp::reference_request(1);
  EXPECT_EQ(left(request, 1), 1U);
  span_of(request).set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_CLIENT);
  EXPECT_EQ(left(request, 2), 1U);
  SeenSpans by_ids({.window_ns = kSecond, .max_spans = 20, .by_kind = false}, KeyedIdHash(7));
  EXPECT_EQ(by_ids.filter(batch_of(otlp::reference_request(1)), 1).duplicates, 0U);
  EXPECT_EQ(by_ids.filter(batch_of(request), 2).duplicates, 1U);
}

TEST_F(SeenSpansTest, OneBatchMayHoldASpanTwice) {
  auto request = otlp::reference_request(2);
  *request.mutable_resource_spans(0)->mutable_scope_spans(0)->add_spans() = span_of(request, 0);
  EXPECT_EQ(left(request, 1), 2U);
}

TEST_F(SeenSpansTest, SpansWithoutIdsAreNeverDuplicates) {
  auto request = otlp::reference_request(2);
  span_of(request, 0).clear_span_id();
  span_of(request, 1).clear_trace_id();
  EXPECT_EQ(left(request, 1), 2U);
  EXPECT_EQ(left(request, 2), 2U);
}

TEST_F(SeenSpansTest, WhatIsForgottenMayComeAgain) {
  const auto request = otlp::reference_request(3);
  const auto filtered = seen_.filter(batch_of(request), 1);
  seen_.forget(filtered.fresh);
  EXPECT_EQ(left(request, 2), 3U);
}

TEST_F(SeenSpansTest, RemembersABoundedNumber) {
  const auto request = otlp::reference_request(1000);
  EXPECT_EQ(left(request, 1), 1000U);
  EXPECT_LE(seen_.size(), 20U);
}

class SpanDedupTest : public ProcessorFixture {
 protected:
  SpanDedupTest() : ProcessorFixture(span_dedup_processor_factory()) {}
  Status send(const otlp::ReferenceRequest& request) {
    return processor_->consume(batch_of(request));
  }
};

TEST_F(SpanDedupTest, ReadsItsSettings) {
  EXPECT_EQ(create(""), "");
  EXPECT_EQ(create("{wait_duration: 10s, max_spans: 1000, include_kind: false}"), "");
  EXPECT_THAT(create("{wait_duration: 0s}"), HasSubstr("wait_duration"));
  EXPECT_THAT(create("{key: x}"), HasSubstr("key"));
}

TEST_F(SpanDedupTest, LeavesOutWhatHasGoneByAndCountsIt) {
  auto request = otlp::reference_request(3);
  EXPECT_EQ(process("{wait_duration: 10s}", request).resource_spans(0).scope_spans(0).spans_size(),
            3);
  *request.mutable_resource_spans(0)->mutable_scope_spans(0) =
      otlp::reference_request(5).resource_spans(0).scope_spans(0);
  ASSERT_TRUE(send(request));
  EXPECT_EQ(next_.spans(), 5U);
  ASSERT_TRUE(send(request));
  EXPECT_EQ(next_.spans(), 5U);
  const StageBalance balance = stage_.books.balance();
  EXPECT_TRUE(balance.balances());
  EXPECT_EQ(balance.taken, 13U);
  EXPECT_EQ(balance.passed_on, 5U);
  EXPECT_EQ(balance.dropped.at("duplicate"), 8U);
}

TEST_F(SpanDedupTest, ARefusedBatchIsNoDuplicateOfItself) {
  ASSERT_EQ(create(""), "");
  next_.answer_next({ErrorKind::kRetryable, "full"});
  const auto request = otlp::reference_request(3);
  EXPECT_FALSE(send(request));
  EXPECT_TRUE(send(request));
  EXPECT_EQ(next_.spans(), 3U);
  EXPECT_EQ(stage_.books.balance().refused, 3U);
  EXPECT_EQ(stage_.books.balance().taken, 3U);
}

}  // namespace
}  // namespace kernspan
