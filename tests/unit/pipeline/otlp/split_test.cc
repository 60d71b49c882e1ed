#include "pipeline/otlp/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/wire_reader.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;

Batch batch_of(const ReferenceRequest& request) {
  auto batch = Batch::from_wire(request.SerializeAsString());
  EXPECT_TRUE(batch);
  return std::move(*batch);
}

ReferenceRequest parsed(const Batch& batch) {
  std::string bytes;
  for (const std::string_view slice : batch.slices()) bytes += slice;
  ReferenceRequest request;
  EXPECT_TRUE(request.ParseFromString(bytes));
  return request;
}

// Spans of all pieces, each with what it needs to be understood: resource, scope, schema URLs.
std::vector<std::string> spans_with_context(const std::vector<Batch>& pieces) {
  std::vector<std::string> spans;
  for (const Batch& piece : pieces) {
    const ReferenceRequest request = parsed(piece);
    for (const auto& resource_spans : request.resource_spans()) {
      for (const auto& scope_spans : resource_spans.scope_spans()) {
        for (const auto& span : scope_spans.spans()) {
          spans.push_back(resource_spans.resource().ShortDebugString() + " | " +
                          resource_spans.schema_url() + " | " +
                          scope_spans.scope().ShortDebugString() + " | " +
                          scope_spans.schema_url() + " | " + span.ShortDebugString());
        }
      }
    }
  }
  return spans;
}

ReferenceRequest mixed_request() {
  auto request = reference_request(5, "shop");
  request.mutable_resource_spans(0)->set_schema_url("https://example.org/r");
  request.mutable_resource_spans(0)->mutable_scope_spans(0)->set_schema_url(
      "https://example.org/s");
  auto& second_scope = *request.mutable_resource_spans(0)->add_scope_spans();
  second_scope = reference_request(4).resource_spans(0).scope_spans(0);
  second_scope.mutable_scope()->set_name("second");
  request.MergeFrom(reference_request(3, "cart"));
  request.add_resource_spans()->add_scope_spans();  // nothing in it: may go
  return request;
}

TEST(Split, ASmallBatchComesBackAsItIs) {
  const auto pieces = split(batch_of(reference_request(5)), 5);
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].item_count(), 5U);
}

TEST(Split, EverySizeKeepsEverySpanWithItsContext) {
  std::vector<Batch> whole;
  whole.push_back(batch_of(mixed_request()));
  const auto expected = spans_with_context(whole);
  ASSERT_EQ(expected.size(), 12U);
  for (std::size_t max = 1; max <= 13; ++max) {
    const auto pieces = split(batch_of(mixed_request()), max);
    EXPECT_EQ(pieces.size(), (12 + max - 1) / max) << max;
    for (const Batch& piece : pieces) EXPECT_LE(piece.item_count(), max);
    EXPECT_EQ(spans_with_context(pieces), expected) << max;
  }
}

TEST(Split, CutsAcrossSlices) {
  Batch batch = batch_of(reference_request(3, "a"));
  batch.append(batch_of(reference_request(3, "b")));
  const auto pieces = split(std::move(batch), 4);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].item_count(), 4U);
  EXPECT_EQ(parsed(pieces[0]).resource_spans_size(), 2);
}

TEST(Split, KeepsUnknownFields) {
  ReferenceRequest request = reference_request(2);
  request.mutable_resource_spans(0)
      ->GetReflection()
      ->MutableUnknownFields(request.mutable_resource_spans(0))
      ->AddVarint(100, 7);
  for (const Batch& piece : split(batch_of(request), 1)) {
    const ReferenceRequest request_piece = parsed(piece);
    const auto& resource_spans = request_piece.resource_spans(0);
    EXPECT_EQ(resource_spans.GetReflection()->GetUnknownFields(resource_spans).field_count(), 1);
  }
}

TEST(Split, EveryPartOfRandomRequestsIsWellFormed) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    const ReferenceRequest request = RandomRequest(seed).make();
    std::vector<Batch> whole;
    whole.push_back(batch_of(request));
    const auto expected = spans_with_context(whole);
    for (std::size_t max = 1; max <= whole[0].item_count(); ++max) {
      const auto pieces = split(whole[0].clone(), max);
      EXPECT_EQ(pieces.size(), (expected.size() + max - 1) / max);
      for (const Batch& piece : pieces) {
        EXPECT_EQ(piece.item_count(), *check_request(piece.joined(), Signal::kTraces));
        EXPECT_EQ(piece.byte_count(), piece.joined().size());
      }
      EXPECT_EQ(spans_with_context(pieces), expected);
    }
  }
}

// Every piece is within the bound, or is one span that is larger by itself; and no two neighbours
// would have fitted into one.
TEST(SplitByBytes, EveryBoundKeepsEverySpanWithItsContext) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    const ReferenceRequest request = RandomRequest(seed).make(2);
    std::vector<Batch> whole;
    whole.push_back(batch_of(request));
    const auto expected = spans_with_context(whole);
    for (std::size_t max = 1; max <= whole[0].byte_count() + 1; max += 7) {
      const SplitByBytes cut = split_by_bytes(whole[0].clone(), max);
      std::size_t too_large = 0;
      for (const Batch& piece : cut.batches) {
        const std::string bytes(piece.joined().view());
        EXPECT_EQ(piece.byte_count(), bytes.size());
        EXPECT_EQ(piece.item_count(), *check_request(bytes, Signal::kTraces));
        if (bytes.size() <= max) continue;
        ++too_large;
        EXPECT_EQ(piece.item_count(), 1U);
      }
      EXPECT_EQ(cut.too_large, too_large);
      EXPECT_EQ(spans_with_context(cut.batches), expected);
    }
  }
}

TEST(SplitByBytes, FillsEveryPiece) {
  const auto batch = batch_of(reference_request(1000));
  const std::size_t max = batch.byte_count() / 10 + 200;
  const SplitByBytes cut = split_by_bytes(batch.clone(), max);
  EXPECT_EQ(cut.batches.size(), 10U);
  EXPECT_EQ(cut.too_large, 0U);
}

TEST(SplitByBytes, CutsMetricsBetweenMetrics) {
  std::string metrics;
  for (int i = 0; i < 10; ++i) {
    std::string metric;
    append_bytes_field(metric, 1, "metric");
    std::string gauge;
    append_bytes_field(gauge, 1, "");
    append_bytes_field(gauge, 1, "");
    append_bytes_field(metric, wire::metric::kGauge, gauge);
    append_bytes_field(metrics, 2, metric);
  }
  std::string scope;
  append_bytes_field(scope, 2, metrics);
  std::string bytes;
  append_bytes_field(bytes, 1, scope);
  auto batch = Batch::from_wire(bytes, Signal::kMetrics);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->item_count(), 20U);
  std::size_t points = 0;
  for (const Batch& piece : split_by_bytes(batch->clone(), 60).batches) {
    EXPECT_LE(piece.byte_count(), 60U);
    EXPECT_EQ(piece.signal(), Signal::kMetrics);
    EXPECT_EQ(piece.item_count(), *check_request(piece.joined(), Signal::kMetrics));
    points += piece.item_count();
  }
  EXPECT_EQ(points, 20U);
  // Never through the middle of a metric.
  EXPECT_EQ(split(batch->clone(), 3).size(), 10U);
  EXPECT_EQ(split(batch->clone(), 1).size(), 10U);
}

TEST(SplitByTrace, EveryTraceIsOneBatch) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    const ReferenceRequest request = RandomRequest(seed).make();
    std::vector<Batch> whole;
    whole.push_back(batch_of(request));
    std::vector<Batch> parts;
    std::vector<TraceId> ids;
    for (TracePart& part : split_by_trace(whole[0])) {
      const SpanIndex index(part.batch);
      EXPECT_EQ(index.size(), part.batch.item_count());
      for (const IndexedSpan& span : index.spans()) EXPECT_EQ(span.trace_id, part.trace_id);
      EXPECT_THAT(ids, Not(Contains(part.trace_id)));
      ids.push_back(part.trace_id);
      parts.push_back(std::move(part.batch));
    }
    EXPECT_THAT(spans_with_context(parts), UnorderedElementsAreArray(spans_with_context(whole)));
  }
}

}  // namespace
}  // namespace kernspan::otlp
