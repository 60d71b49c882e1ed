#include "pipeline/otlp/split.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

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

}  // namespace
}  // namespace kernspan::otlp
