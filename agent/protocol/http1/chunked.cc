#include "agent/protocol/http1/chunked.h"

#include <algorithm>
#include <cstring>

#include "agent/protocol/http1/characters.h"

namespace kernspan::http1 {
namespace {

// What the capture says of the end of a transfer (KS_TAIL_BYTES_MAX).
constexpr std::size_t kTailBytesMax = 8;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Moves behind the next line feed; false if there is none.
bool skip_line(std::string_view& bytes) {
  const std::size_t line_feed = bytes.find('\n');
  bytes.remove_prefix(line_feed == std::string_view::npos ? bytes.size() : line_feed + 1);
  return line_feed != std::string_view::npos;
}

}  // namespace

ChunkedDecoder::Result ChunkedDecoder::fail(std::string_view reason) {
  reason_ = reason;
  return Result::kInvalid;
}

ChunkedDecoder::Result ChunkedDecoder::feed(std::string_view& bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kData: {
        const auto taken =
            static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, bytes.size()));
        skip(taken);
        bytes.remove_prefix(taken);
        break;
      }
      case State::kExtension:
        if (skip_line(bytes)) end_size_line();
        break;
      case State::kTrailerBegin:
      case State::kTrailer:
      case State::kTrailerLf:
        if (take_trailer(bytes)) return Result::kDone;
        break;
      default: {
        const char c = bytes.front();
        const bool in_size = state_ <= State::kSizeLf;
        if ((in_size ? take_size_byte(c) : take_data_end(c)) == Result::kInvalid) {
          return Result::kInvalid;
        }
        bytes.remove_prefix(1);
        break;
      }
    }
  }
  return Result::kMore;
}

bool ChunkedDecoder::skip(std::uint64_t bytes) {
  if (state_ != State::kData || bytes > chunk_left_) return false;
  chunk_left_ -= bytes;
  payload_bytes_ += bytes;
  if (chunk_left_ == 0) state_ = State::kDataEnd;
  return true;
}

ChunkedDecoder::Result ChunkedDecoder::take_size_byte(char c) {
  const bool digits = state_ == State::kSizeBegin || state_ == State::kSize;
  if (const int digit = hex_digit(c); digits && digit >= 0) {
    if (chunk_left_ >> 60 != 0) return fail("chunk_size");
    chunk_left_ = chunk_left_ << 4 | static_cast<unsigned>(digit);
    state_ = State::kSize;
    return Result::kMore;
  }
  if (state_ == State::kSizeBegin || (state_ == State::kSizeLf && c != '\n')) {
    return fail("chunk_size");
  }
  if (c == '\n') {
    end_size_line();
  } else if (c == '\r') {
    state_ = State::kSizeLf;
  } else if (c == ';') {
    state_ = State::kExtension;
  } else if (is_space(c)) {
    // Not in the grammar, but servers pad sizes with spaces.
    state_ = State::kSizeSpace;
  } else {
    return fail("chunk_size");
  }
  return Result::kMore;
}

void ChunkedDecoder::end_size_line() {
  state_ = chunk_left_ == 0 ? State::kTrailerBegin : State::kData;
}

ChunkedDecoder::Result ChunkedDecoder::take_data_end(char c) {
  if (c == '\r' && state_ == State::kDataEnd) {
    state_ = State::kDataLf;
    return Result::kMore;
  }
  if (c != '\n') return fail("chunk_data_end");
  state_ = State::kSizeBegin;
  return Result::kMore;
}

// True at the blank line. A line that begins with CR is blank only if LF follows.
bool ChunkedDecoder::take_trailer(std::string_view& bytes) {
  if (state_ == State::kTrailer) {
    if (skip_line(bytes)) state_ = State::kTrailerBegin;
    return false;
  }
  const char c = bytes.front();
  if (c == '\n') {
    bytes.remove_prefix(1);
    return true;
  }
  state_ = c == '\r' && state_ == State::kTrailerBegin ? State::kTrailerLf : State::kTrailer;
  bytes.remove_prefix(1);
  return false;
}

void BodyTail::append(std::uint64_t bytes, std::string_view known) {
  if (known.size() < bytes) tail_.clear();
  known = known.substr(known.size() - std::min(known.size(), kTailBytesMax));
  const std::size_t kept = std::min(tail_.size(), kTailBytesMax - known.size());
  tail_.erase(0, tail_.size() - kept);
  tail_ += known;
}

bool BodyTail::ends_with_last_chunk() const {
  std::string_view tail = tail_;
  if (!tail.ends_with("0\r\n\r\n")) return false;
  tail.remove_suffix(4);
  while (!tail.empty() && tail.back() == '0') tail.remove_suffix(1);
  return tail.empty() || tail.back() == '\n';
}

}  // namespace kernspan::http1
