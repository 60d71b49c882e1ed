#include "pipeline/otlp/grpc_bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "pipeline/otlp/span_index.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

grpc::ByteBuffer buffer_of(const std::string& bytes, std::size_t piece_size) {
  std::vector<grpc::Slice> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += piece_size) {
    pieces.emplace_back(bytes.substr(at, piece_size));
  }
  return {pieces.data(), pieces.size()};
}

std::string joined(const std::vector<Slice>& slices) {
  std::string bytes;
  for (const Slice& slice : slices) bytes += slice.view();
  return bytes;
}

constexpr std::size_t kNoBound = 1 << 30;

TEST(GrpcBytes, ALargeMessageStaysInItsPieces) {
  const std::string bytes = reference_bytes(10'000);
  const auto slices = to_inflated_slices(buffer_of(bytes, 16'000), kNoBound);
  ASSERT_TRUE(slices);
  EXPECT_EQ(slices->size(), (bytes.size() + 15'999) / 16'000);
  EXPECT_EQ(joined(*slices), bytes);

  const auto batch = Batch::from_wire(*slices);
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->item_count(), 10'000U);
  EXPECT_EQ(batch->joined().view(), bytes);
  EXPECT_EQ(SpanIndex(*batch).view(9'999).name, "GET /cart");
  EXPECT_EQ(to_slice(to_byte_buffer(*batch)).view(), bytes);
}

TEST(GrpcBytes, SmallMessagesAndTinyPiecesAreCopied) {
  const std::string small = reference_bytes(100);
  const auto copied = to_inflated_slices(buffer_of(small, 4'000), kNoBound);
  ASSERT_TRUE(copied);
  EXPECT_EQ(copied->size(), 1U);
  EXPECT_EQ(joined(*copied), small);
  const std::string large = reference_bytes(10'000);
  const auto tiny = to_inflated_slices(buffer_of(large, 100), kNoBound);
  ASSERT_TRUE(tiny);
  EXPECT_EQ(tiny->size(), 1U);
  EXPECT_EQ(joined(*tiny), large);
}

TEST(GrpcBytes, NoMessageIsAnEmptyBatch) {
  const auto slices = to_inflated_slices(grpc::ByteBuffer(), kNoBound);
  ASSERT_TRUE(slices);
  const auto batch = Batch::from_wire(*slices);
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->empty());
}

}  // namespace
}  // namespace kernspan::otlp
