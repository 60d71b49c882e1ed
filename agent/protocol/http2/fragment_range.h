// Where in the payload of a HEADERS, PUSH_PROMISE or CONTINUATION frame its part of the header
// block stands: behind the optional fields, before the padding. Spec: RFC 9113 sections 6.2, 6.6,
// 6.10.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/protocol/http2/frame.h"

namespace kernspan::http2 {

class FragmentRange {
 public:
  FragmentRange() = default;
  explicit FragmentRange(const FrameHeader& frame)
      : padded_(frame.type != FrameType::kContinuation && frame.has(kFlagPadded)),
        begin_(padded_ ? kPadLengthBytes : 0),
        end_(frame.length) {
    if (frame.type == FrameType::kPushPromise) begin_ += kPromisedStreamBytes;
    if (frame.type == FrameType::kHeaders && frame.has(kFlagPriority)) begin_ += kPriorityBytes;
  }

  // False: the frame is too short for its fields and padding.
  bool valid() const { return begin_ <= end_; }

  // All that belongs to the block is among the first `seen_bytes` of the payload.
  bool ends_by(std::size_t seen_bytes) const { return seen_bytes >= end_; }

  // The part of `payload` that belongs to the block. `at`: where in the frame's payload it stands;
  // payloads are given in order. Makes the range invalid if the padding does not fit.
  std::string_view select(std::string_view payload, std::size_t at) {
    if (padded_ && at == 0 && !payload.empty()) {
      const std::size_t padding = read_u8(payload, 0);
      // Not below begin_ - 1: there the range is invalid.
      end_ -= std::min(padding, end_ - begin_ + 1);
    }
    if (!valid()) return {};
    const std::size_t from = std::min(begin_ > at ? begin_ - at : 0, payload.size());
    const std::size_t to = std::min(end_ > at ? end_ - at : 0, payload.size());
    return from < to ? payload.substr(from, to - from) : std::string_view();
  }

 private:
  static constexpr std::size_t kPadLengthBytes = 1;
  static constexpr std::size_t kPromisedStreamBytes = 4;
  static constexpr std::size_t kPriorityBytes = 5;

  bool padded_ = false;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace kernspan::http2
