// The header block in progress: a HEADERS or PUSH_PROMISE frame and its CONTINUATIONs.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace kernspan::http2 {

class BlockAssembler {
 public:
  explicit BlockAssembler(std::size_t block_bytes_max) : block_bytes_max_(block_bytes_max) {}

  void open(std::uint32_t stream, bool is_promise, bool end_stream) {
    open_ = true;
    stream_ = stream;
    is_promise_ = is_promise;
    end_stream_ = end_stream;
    cut_ = false;
    over_limit_ = false;
    charged_bytes_ = 0;
    bytes_.clear();
    if (bytes_.capacity() > kKeptBytesMax) bytes_ = {};
  }

  // A frame of the block begins. Each counts as a byte, so that frames without any are bounded too.
  void charge_frame() { charge(1); }

  // The next bytes of the block; what comes behind a gap or beyond the limit is not kept.
  void append(std::string_view fragment) {
    charge(fragment.size());
    if (cut_) return;
    bytes_ += fragment.substr(0, block_bytes_max_ - bytes_.size());
  }

  // The rest of a frame's fragment is missing.
  void cut() { cut_ = true; }

  void close() { open_ = false; }

  bool is_open() const { return open_; }
  std::uint32_t stream() const { return stream_; }
  bool is_promise() const { return is_promise_; }
  bool end_stream() const { return end_stream_; }
  bool is_cut() const { return cut_; }
  bool is_over_limit() const { return over_limit_; }
  bool whole() const { return !cut_ && !over_limit_; }
  std::string_view bytes() const { return bytes_; }

 private:
  // What a block in several frames usually needs.
  static constexpr std::size_t kKeptBytesMax = 1024;

  void charge(std::size_t bytes) {
    charged_bytes_ += bytes;
    if (charged_bytes_ > block_bytes_max_) over_limit_ = true;
  }

  std::size_t block_bytes_max_;
  std::size_t charged_bytes_ = 0;
  std::uint32_t stream_ = 0;
  bool open_ = false;
  bool is_promise_ = false;
  bool end_stream_ = false;
  bool cut_ = false;
  bool over_limit_ = false;
  std::string bytes_;
};

}  // namespace kernspan::http2
