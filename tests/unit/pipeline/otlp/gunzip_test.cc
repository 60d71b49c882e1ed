#include "pipeline/otlp/gunzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

namespace kernspan::otlp {
namespace {

std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::expected<std::string, GunzipError> inflated(const std::string& bytes, std::size_t max,
                                                 std::size_t piece_size = 1 << 20) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = 0; at < bytes.size(); at += piece_size) {
    pieces.push_back(std::string_view(bytes).substr(at, piece_size));
  }
  return gunzip(pieces, max);
}

TEST(Gunzip, RoundTripWhateverThePieces) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "span " + std::to_string(i * i);
  for (const std::size_t piece : {1, 7, 1000, 1 << 20}) {
    EXPECT_EQ(inflated(gzipped(text), text.size(), piece), text) << piece;
  }
  EXPECT_EQ(inflated(gzipped(""), 10), "");
}

TEST(Gunzip, HoldsItsBound) {
  const std::string text(1 << 20, 'x');
  EXPECT_EQ(inflated(gzipped(text), text.size())->size(), text.size());
  const auto too_large = inflated(gzipped(text), text.size() - 1);
  ASSERT_FALSE(too_large);
  EXPECT_EQ(too_large.error(), GunzipError::kTooLarge);
}

TEST(Gunzip, TruncationAndTrailingBytesAreMalformed) {
  const std::string bytes = gzipped("some text, some text");
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto result = inflated(bytes.substr(0, size), 1000);
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error(), GunzipError::kMalformed) << size;
  }
  EXPECT_FALSE(inflated(bytes + "x", 1000));
  std::string flipped = bytes;
  flipped[flipped.size() - 6] ^= 1;  // the checksum
  EXPECT_FALSE(inflated(flipped, 1000));
}

TEST(Gunzip, KnowsItsMagic) {
  EXPECT_TRUE(is_gzip(gzipped("x")));
  EXPECT_FALSE(is_gzip("\x0A\x03xyz"));
  EXPECT_FALSE(is_gzip("\x1F"));
}

}  // namespace
}  // namespace kernspan::otlp
