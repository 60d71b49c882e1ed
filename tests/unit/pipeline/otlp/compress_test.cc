#include "pipeline/otlp/compress.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <string>

#include "pipeline/otlp/gunzip.h"

namespace kernspan::otlp {
namespace {

const std::string kFirst(200'000, 'a');
const std::string kSecond = "the end";

TEST(Compress, GzipComesBack) {
  const std::array<std::string_view, 3> pieces = {kFirst, "", kSecond};
  const std::string compressed = deflate(pieces, Deflate::kGzip);
  EXPECT_LT(compressed.size(), 2'000U);
  const std::array<std::string_view, 1> whole = {compressed};
  EXPECT_EQ(gunzip(whole, 1 << 20), kFirst + kSecond);
}

TEST(Compress, ZlibComesBack) {
  const std::array<std::string_view, 2> pieces = {kFirst, kSecond};
  const std::string compressed = deflate(pieces, Deflate::kZlib);
  std::string out(1 << 20, '\0');
  uLongf size = out.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                       reinterpret_cast<const Bytef*>(compressed.data()), compressed.size()),
            Z_OK);
  out.resize(size);
  EXPECT_EQ(out, kFirst + kSecond);
}

TEST(Compress, ZstdComesBackAndSaysItsSize) {
  const std::array<std::string_view, 2> pieces = {kFirst, kSecond};
  const std::string compressed = zstd(pieces);
  EXPECT_EQ(ZSTD_getFrameContentSize(compressed.data(), compressed.size()),
            kFirst.size() + kSecond.size());
  std::string out(1 << 20, '\0');
  const std::size_t size =
      ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
  ASSERT_FALSE(ZSTD_isError(size));
  out.resize(size);
  EXPECT_EQ(out, kFirst + kSecond);
}

TEST(Compress, NothingIsACompleteStreamToo) {
  const std::string compressed = deflate({}, Deflate::kGzip);
  const std::array<std::string_view, 1> whole = {compressed};
  EXPECT_EQ(gunzip(whole, 10), "");
  EXPECT_EQ(ZSTD_getFrameContentSize(zstd({}).data(), zstd({}).size()), 0U);
}

}  // namespace
}  // namespace kernspan::otlp
