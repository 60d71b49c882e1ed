#include "pipeline/receivers/http/body_decoder.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

namespace kernspan {
namespace {

std::string deflated(const std::string& text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(const std::string& text, int level = 3) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), level));
  return out;
}

struct Case {
  const char* name;
  ContentEncoding encoding;
  std::string (*compress)(const std::string&);
};

std::vector<Case> cases() {
  return {{"gzip", ContentEncoding::kGzip,
           [](const std::string& text) { return deflated(text, MAX_WBITS + 16); }},
          {"zlib", ContentEncoding::kZlib,
           [](const std::string& text) { return deflated(text, MAX_WBITS); }},
          {"deflate", ContentEncoding::kDeflate,
           [](const std::string& text) { return deflated(text, MAX_WBITS); }},
          {"zstd", ContentEncoding::kZstd, [](const std::string& text) { return zstd(text); }}};
}

constexpr std::size_t kMiB = 1 << 20;

class BodyDecoder : public ::testing::TestWithParam<Case> {
 protected:
  auto decode(const std::string& body, std::size_t max_bytes = kMiB) {
    return decode_body(GetParam().encoding, body, max_bytes);
  }
  std::string compress(const std::string& text) { return GetParam().compress(text); }
};

TEST_P(BodyDecoder, GivesBackWhatWasCompressed) {
  for (const std::size_t size : {0UL, 1UL, 1000UL, 100'000UL, kMiB}) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; i += 7) text[i] = static_cast<char>(i * i >> 3);
    const auto decoded = decode(compress(text));
    ASSERT_TRUE(decoded) << size;
    EXPECT_EQ(*decoded, text) << size;
  }
}

TEST_P(BodyDecoder, TheBoundIsExact) {
  const std::string body = compress(std::string(1000, 'x'));
  EXPECT_TRUE(decode(body, 1000));
  EXPECT_EQ(decode(body, 999).error(), DecodeError::kTooLarge);
}

TEST_P(BodyDecoder, StopsABomb) {
  const std::string bomb = compress(std::string(200 * kMiB, '\0'));
  EXPECT_LT(bomb.size(), kMiB);
  EXPECT_EQ(decode(bomb, 20 * kMiB).error(), DecodeError::kTooLarge);
}

TEST_P(BodyDecoder, RefusesEveryTruncation) {
  const std::string body = compress("a span, and another span, and another span");
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto decoded = decode(body.substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_EQ(decoded.error(), DecodeError::kMalformed) << size;
  }
}

TEST_P(BodyDecoder, RefusesGarbageBehindIt) {
  EXPECT_EQ(decode(compress("spans") + "garbage").error(), DecodeError::kMalformed);
  EXPECT_EQ(decode("garbage, and enough of it").error(), DecodeError::kMalformed);
}

INSTANTIATE_TEST_SUITE_P(Encodings, BodyDecoder, ::testing::ValuesIn(cases()),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

TEST(BodyDecoderTest, JoinsGzipMembersAndZstdFrames) {
  const std::string gzip = deflated("one ", MAX_WBITS + 16) + deflated("two", MAX_WBITS + 16);
  EXPECT_EQ(decode_body(ContentEncoding::kGzip, gzip, kMiB), "one two");
  EXPECT_EQ(decode_body(ContentEncoding::kZstd, zstd("one ") + zstd("two"), kMiB), "one two");
}

// Many members without content: what costs time must cost input.
TEST(BodyDecoderTest, ManyEmptyMembersAreNothing) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += deflated("", MAX_WBITS + 16);
  EXPECT_EQ(decode_body(ContentEncoding::kGzip, body, kMiB), "");
}

// A frame header may ask for a window of gigabytes.
TEST(BodyDecoderTest, RefusesAZstdWindowOfMoreThan8MiB) {
  std::string text(16 * kMiB, '\0');
  for (std::size_t i = 0; i < text.size(); i += 3) text[i] = static_cast<char>(i * i >> 5);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 24);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer input{text.data(), text.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  ASSERT_EQ(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0U);
  ZSTD_freeCCtx(context);
  out.resize(output.pos);
  EXPECT_EQ(decode_body(ContentEncoding::kZstd, out, 20 * kMiB).error(), DecodeError::kMalformed);
}

TEST(BodyDecoderTest, IdentityIsBoundedToo) {
  EXPECT_EQ(decode_body(ContentEncoding::kIdentity, "12345", 5), "12345");
  EXPECT_EQ(decode_body(ContentEncoding::kIdentity, "123456", 5).error(), DecodeError::kTooLarge);
}

TEST(BodyDecoderTest, KnowsTheNames) {
  EXPECT_EQ(content_encoding(""), ContentEncoding::kIdentity);
  EXPECT_EQ(content_encoding("gzip"), ContentEncoding::kGzip);
  EXPECT_EQ(content_encoding("deflate"), ContentEncoding::kDeflate);
  EXPECT_EQ(content_encoding("snappy"), std::nullopt);
  EXPECT_EQ(content_encoding("gzip, gzip"), std::nullopt);
}

}  // namespace
}  // namespace kernspan
