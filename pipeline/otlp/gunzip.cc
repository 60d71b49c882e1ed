#include "pipeline/otlp/gunzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace kernspan::otlp {
namespace {

constexpr int kGzipWindowBits = MAX_WBITS + 16;  // +16: gzip only (zlib.h)
// Spans shrink to a third or a tenth: most messages need no second growth.
constexpr std::size_t kFirstGuess = 4;
constexpr std::size_t kMinGrowth = 16 << 10;

using Outcome = std::expected<void, GunzipError>;

uInt clamp_to_zlib(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

class Inflater {
 public:
  Inflater(std::size_t first_size, std::size_t max_bytes) : max_bytes_(max_bytes) {
    ready_ = inflateInit2(&stream_, kGzipWindowBits) == Z_OK;
    grow(first_size);
  }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Outcome feed(std::string_view piece) {
    while (!piece.empty()) {
      if (ended_ || !ready_) return std::unexpected(GunzipError::kMalformed);
      const uInt size = clamp_to_zlib(piece.size());
      // zlib's interface is not const; inflate() does not write to its input.
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
      stream_.avail_in = size;
      if (Outcome stepped = step(); !stepped) return stepped;
      piece.remove_prefix(size - stream_.avail_in);
    }
    return {};
  }

  // Output may still wait inside zlib when the input is used up.
  std::expected<std::string, GunzipError> finish() {
    while (!ended_) {
      if (Outcome stepped = step(); !stepped) return std::unexpected(stepped.error());
    }
    out_.resize(written_);
    // The message may wait in a queue, which is bounded by sizes, not by capacities.
    if (out_.capacity() - written_ > written_ / 4) out_.shrink_to_fit();
    return std::move(out_);
  }

 private:
  // One byte more than the bound tells a message of exactly that size from a larger one.
  void grow(std::size_t size) { out_.resize(std::min(size, max_bytes_ + 1)); }

  Outcome step() {
    if (written_ == out_.size()) grow(2 * written_ + kMinGrowth);
    const uInt room = clamp_to_zlib(out_.size() - written_);
    stream_.next_out = reinterpret_cast<Bytef*>(out_.data() + written_);
    stream_.avail_out = room;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    written_ += room - stream_.avail_out;
    if (written_ > max_bytes_) return std::unexpected(GunzipError::kTooLarge);
    ended_ = result == Z_STREAM_END;
    // Anything else, no progress for want of input among it, is the end of a broken stream.
    if (!ended_ && result != Z_OK) return std::unexpected(GunzipError::kMalformed);
    return {};
  }

  const std::size_t max_bytes_;
  z_stream stream_{};
  bool ready_ = false;
  bool ended_ = false;
  std::string out_;
  std::size_t written_ = 0;
};

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.size() >= 2 && bytes[0] == '\x1F' && bytes[1] == '\x8B';
}

std::expected<std::string, GunzipError> gunzip(std::span<const std::string_view> pieces,
                                               std::size_t max_bytes) {
  std::size_t compressed = 0;
  for (const std::string_view piece : pieces) compressed += piece.size();
  Inflater inflater(kFirstGuess * compressed + kMinGrowth, max_bytes);
  for (const std::string_view piece : pieces) {
    if (Outcome fed = inflater.feed(piece); !fed) return std::unexpected(fed.error());
  }
  return inflater.finish();
}

}  // namespace kernspan::otlp
