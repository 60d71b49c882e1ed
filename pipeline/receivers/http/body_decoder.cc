#include "pipeline/receivers/http/body_decoder.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

namespace kernspan {
namespace {

constexpr int kGzipWindowBits = MAX_WBITS + 16;  // +16: gzip only (zlib.h)
constexpr int kZstdWindowLog = 23;
// Requests shrink to a third or a tenth: most bodies need no second growth.
constexpr std::size_t kFirstGuess = 4;
constexpr std::size_t kMinGrowth = 16 << 10;

using Decoded = std::expected<std::string, DecodeError>;

// The output so far, and room for more. One byte above the bound tells a body of exactly that size
// from a larger one.
class Output {
 public:
  Output(std::size_t compressed_size, std::size_t max_bytes) : max_bytes_(max_bytes) {
    grow(kFirstGuess * compressed_size + kMinGrowth);
  }

  char* room() {
    if (written_ == bytes_.size()) grow(2 * written_ + kMinGrowth);
    return bytes_.data() + written_;
  }
  std::size_t room_size() const { return bytes_.size() - written_; }
  void wrote(std::size_t size) { written_ += size; }
  bool too_large() const { return written_ > max_bytes_; }
  std::string take() {
    bytes_.resize(written_);
    return std::move(bytes_);
  }

 private:
  void grow(std::size_t size) { bytes_.resize(std::min(size, max_bytes_ + 1)); }

  const std::size_t max_bytes_;
  std::string bytes_;
  std::size_t written_ = 0;
};

uInt clamp_to_zlib(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

Decoded decode_zlib(std::string_view body, int window_bits, std::size_t max_bytes) {
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return std::unexpected(DecodeError::kMalformed);
  const std::unique_ptr<z_stream, decltype(&inflateEnd)> guard(&stream, inflateEnd);
  Output out(body.size(), max_bytes);
  while (true) {
    // zlib's interface is not const; inflate() does not write to its input.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
    const uInt given = clamp_to_zlib(body.size());
    stream.avail_in = given;
    stream.next_out = reinterpret_cast<Bytef*>(out.room());
    const uInt room = clamp_to_zlib(out.room_size());
    stream.avail_out = room;
    const int result = inflate(&stream, Z_NO_FLUSH);
    body.remove_prefix(given - stream.avail_in);
    out.wrote(room - stream.avail_out);
    if (out.too_large()) return std::unexpected(DecodeError::kTooLarge);
    if (result == Z_STREAM_END) {
      if (body.empty()) return out.take();
      // gzip files may follow one another, and are then one.
      if (window_bits == kGzipWindowBits && inflateReset(&stream) == Z_OK) continue;
      return std::unexpected(DecodeError::kMalformed);
    }
    // No progress for want of input is the end of a broken stream.
    if (result != Z_OK) return std::unexpected(DecodeError::kMalformed);
  }
}

Decoded decode_zstd(std::string_view body, std::size_t max_bytes) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     ZSTD_freeDCtx);
  if (context == nullptr || ZSTD_isError(ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax,
                                                                kZstdWindowLog)) != 0) {
    return std::unexpected(DecodeError::kMalformed);
  }
  Output out(body.size(), max_bytes);
  ZSTD_inBuffer input{body.data(), body.size(), 0};
  while (true) {
    char* const room = out.room();
    ZSTD_outBuffer output{room, out.room_size(), 0};
    const std::size_t left = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(left) != 0) return std::unexpected(DecodeError::kMalformed);
    out.wrote(output.pos);
    if (out.too_large()) return std::unexpected(DecodeError::kTooLarge);
    if (input.pos < input.size || output.pos == output.size) {
      if (left == 0 && input.pos == input.size) return out.take();
      continue;
    }
    if (left == 0) return out.take();
    return std::unexpected(DecodeError::kMalformed);  // a frame that does not end
  }
}

}  // namespace

std::optional<ContentEncoding> content_encoding(std::string_view name) {
  if (name.empty() || name == "identity") return ContentEncoding::kIdentity;
  if (name == "gzip" || name == "x-gzip") return ContentEncoding::kGzip;
  if (name == "zlib") return ContentEncoding::kZlib;
  if (name == "deflate") return ContentEncoding::kDeflate;
  if (name == "zstd") return ContentEncoding::kZstd;
  return std::nullopt;
}

Decoded decode_body(ContentEncoding encoding, std::string body, std::size_t max_bytes) {
  switch (encoding) {
    case ContentEncoding::kGzip:
      return decode_zlib(body, kGzipWindowBits, max_bytes);
    case ContentEncoding::kZlib:
    case ContentEncoding::kDeflate:
      return decode_zlib(body, MAX_WBITS, max_bytes);
    case ContentEncoding::kZstd:
      return decode_zstd(body, max_bytes);
    case ContentEncoding::kIdentity:
      break;
  }
  if (body.size() > max_bytes) return std::unexpected(DecodeError::kTooLarge);
  return body;
}

}  // namespace kernspan
