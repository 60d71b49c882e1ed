#include "pipeline/otlp/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

using ::testing::HasSubstr;

std::string joined(const Batch& batch) {
  std::string bytes;
  for (const Slice& slice : batch.slices()) bytes += slice.view();
  return bytes;
}

TEST(BatchFromWire, CountsSpansOverResourcesAndScopes) {
  auto request = reference_request(3);
  request.add_resource_spans();  // empty
  auto& second = *request.add_resource_spans();
  second.add_scope_spans();  // empty
  for (int i = 0; i < 4; ++i) second.mutable_scope_spans(0)->add_spans();
  *second.add_scope_spans() = request.resource_spans(0).scope_spans(0);
  const std::string bytes = request.SerializeAsString();

  const auto batch = Batch::from_wire(bytes);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->item_count(), 10U);
  EXPECT_EQ(batch->byte_count(), bytes.size());
  EXPECT_EQ(joined(*batch), bytes);
}

TEST(BatchFromWire, AnEmptyRequestIsAnEmptyBatch) {
  const auto batch = Batch::from_wire(std::string());
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->empty());
  EXPECT_TRUE(batch->slices().empty());
}

TEST(BatchFromWire, UnknownFieldsPass) {
  std::string bytes = reference_bytes(2);
  bytes += std::string("\xA2\x06\x03xyz", 6);  // field 100, length-delimited
  bytes += std::string("\xA8\x06\x01", 3);     // field 101, varint
  const auto batch = Batch::from_wire(bytes);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->item_count(), 2U);
}

TEST(BatchFromWire, RefusesIdsOfAWrongLength) {
  auto request = reference_request(1);
  request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0)->set_trace_id(
      "short");
  const auto batch = Batch::from_wire(request.SerializeAsString());
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().kind, ErrorKind::kPermanent);
  EXPECT_THAT(batch.error().message, HasSubstr("trace_id has 5 bytes instead of 16"));
}

TEST(BatchFromWire, RefusesAKnownFieldOfAWrongType) {
  const auto batch = Batch::from_wire(std::string("\x08\x01", 2));  // resource_spans as a varint
  ASSERT_FALSE(batch);
  EXPECT_THAT(batch.error().message, HasSubstr("resource_spans is not a message"));
}

// Truncation is what the generated parser calls truncation: every prefix is judged alike.
TEST(BatchFromWire, AgreesWithProtobufOnEveryPrefix) {
  const std::string bytes = reference_bytes(3);
  std::size_t accepted = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string prefix = bytes.substr(0, size);
    ReferenceRequest reference;
    const bool expected = reference.ParseFromString(prefix);
    EXPECT_EQ(Batch::from_wire(prefix).has_value(), expected) << "prefix of " << size;
    accepted += expected ? 1 : 0;
  }
  EXPECT_EQ(accepted, 2U);  // nothing, and everything
}

TEST(Batch, AppendMovesSlicesAndLeavesTheOtherEmpty) {
  auto batch = Batch::from_wire(reference_bytes(2, "a"));
  auto other = Batch::from_wire(reference_bytes(3, "b"));
  ASSERT_TRUE(batch && other);
  const std::size_t bytes = batch->byte_count() + other->byte_count();
  batch->append(std::move(*other));

  EXPECT_EQ(batch->item_count(), 5U);
  EXPECT_EQ(batch->byte_count(), bytes);
  EXPECT_TRUE(other->empty());
  EXPECT_EQ(other->byte_count(), 0U);
  ReferenceRequest both;
  ASSERT_TRUE(both.ParseFromString(joined(*batch)));
  EXPECT_EQ(both.resource_spans_size(), 2);
}

TEST(Batch, AMovedFromBatchIsEmpty) {
  auto batch = Batch::from_wire(reference_bytes(2));
  ASSERT_TRUE(batch);
  const Batch moved = std::move(*batch);
  EXPECT_EQ(moved.item_count(), 2U);
  EXPECT_EQ(batch->item_count(), 0U);
  EXPECT_EQ(batch->byte_count(), 0U);
}

TEST(Batch, ACloneSharesTheBytesAndOutlivesTheOriginal) {
  Batch copy;
  const char* address = nullptr;
  {
    const auto batch = Batch::from_wire(reference_bytes(2));
    ASSERT_TRUE(batch);
    address = batch->slices()[0].view().data();
    copy = batch->clone();
  }
  EXPECT_EQ(copy.slices()[0].view().data(), address);
  EXPECT_EQ(joined(copy), reference_bytes(2));
}

}  // namespace
}  // namespace kernspan::otlp
