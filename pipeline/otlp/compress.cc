#include "pipeline/otlp/compress.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>

namespace kernspan::otlp {
namespace {

// Speed over size: the exporter's CPU is what the traced programs do not get.
constexpr int kDeflateLevel = Z_BEST_SPEED;
constexpr std::size_t kChunk = 64 << 10;

// Writes what zlib has into `out`, growing it.
void drain(z_stream& stream, int flush, std::string& out) {
  do {
    const std::size_t before = out.size();
    out.resize(before + kChunk);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = kChunk;
    ::deflate(&stream, flush);  // cannot fail with room for output
    out.resize(out.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace

std::string deflate(std::span<const std::string_view> pieces, Deflate format) {
  std::string out;
  z_stream stream{};
  const int window_bits = format == Deflate::kGzip ? MAX_WBITS + 16 : MAX_WBITS;  // zlib.h
  constexpr int kMemoryLevel = 8;
  // Fails for want of memory only, which ends the program anyway.
  if (deflateInit2(&stream, kDeflateLevel, Z_DEFLATED, window_bits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return out;
  }
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const auto size =
          static_cast<uInt>(std::min<std::size_t>(piece.size(), std::numeric_limits<uInt>::max()));
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
      stream.avail_in = size;
      drain(stream, Z_NO_FLUSH, out);
      piece.remove_prefix(size);
    }
  }
  drain(stream, Z_FINISH, out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::span<const std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  ZSTD_CCtx_setPledgedSrcSize(context.get(), size);
  std::string out(ZSTD_compressBound(size), '\0');
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  for (const std::string_view piece : pieces) {
    ZSTD_inBuffer input{piece.data(), piece.size(), 0};
    while (input.pos < input.size) {
      // The bound has room for everything: an error would be one of this program.
      if (ZSTD_isError(ZSTD_compressStream2(context.get(), &output, &input, ZSTD_e_continue)) !=
          0) {
        return {};
      }
    }
  }
  ZSTD_inBuffer nothing{nullptr, 0, 0};
  if (ZSTD_compressStream2(context.get(), &output, &nothing, ZSTD_e_end) != 0) return {};
  out.resize(output.pos);
  return out;
}

}  // namespace kernspan::otlp
