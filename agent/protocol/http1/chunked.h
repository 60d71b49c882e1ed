// Chunked bodies, seen whole or known by their last bytes. Spec: RFC 9112 section 7.1.
//
//   kSize -> kExtension -> kData -> kDataEnd -> kSize ...
//   a chunk of size 0:     kExtension -> kTrailer -> done
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kernspan::http1 {

class ChunkedDecoder {
 public:
  enum class Result : std::uint8_t {
    kMore,
    kDone,     // the last byte of the body was consumed
    kInvalid,  // reason() says why
  };

  // Consumes bytes from the front until the body ends or nothing is left.
  Result feed(std::string_view& bytes);

  // Bytes that went by unseen. True if they all were data of the chunk in progress: the place is
  // still known.
  bool skip(std::uint64_t bytes);

  std::uint64_t payload_bytes() const { return payload_bytes_; }
  std::string_view reason() const { return reason_; }

 private:
  enum class State : std::uint8_t {
    kSizeBegin,
    kSize,
    kSizeSpace,
    kExtension,
    kSizeLf,
    kData,
    kDataEnd,
    kDataLf,
    kTrailerBegin,
    kTrailer,
    kTrailerLf,
  };

  Result fail(std::string_view reason);
  Result take_size_byte(char c);
  void end_size_line();
  Result take_data_end(char c);
  bool take_trailer(std::string_view& bytes);

  State state_ = State::kSizeBegin;
  std::uint64_t chunk_left_ = 0;  // while in the size line: the size so far
  std::uint64_t payload_bytes_ = 0;
  std::string_view reason_;
};

// The last bytes of a body whose framing was not seen, gathered from transfers and their tails.
class BodyTail {
 public:
  // `known` are the last of `bytes` bytes that followed.
  void append(std::uint64_t bytes, std::string_view known);
  void clear() { tail_.clear(); }
  std::string_view view() const { return tail_; }

  // The bytes end with a chunk of size 0 and no trailers.
  bool ends_with_last_chunk() const;
  // The bytes end with a blank line: as trailers do, but a chunk's data may too.
  bool ends_with_blank_line() const { return tail_.ends_with("\r\n\r\n"); }

 private:
  std::string tail_;  // at most kTailBytesMax: held inside the string, without allocation
};

}  // namespace kernspan::http1
