// The items of a record, written one by one, or from the bytes of a transfer as the kernel side
// would cut them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "agent/protocol/http2/frame.h"
#include "bpf/abi/http2_items.h"

namespace kernspan::http2 {

inline std::string item(ks_http2_item_kind kind, std::string_view bytes = {}, int offset = 0,
                        unsigned flags = 0) {
  const ks_http2_item head{.offset = offset,
                           .bytes = static_cast<ks_u16>(bytes.size()),
                           .kind = static_cast<ks_u8>(kind),
                           .flags = static_cast<ks_u8>(flags)};
  std::string out(reinterpret_cast<const char*>(&head), sizeof head);
  out += bytes;
  out.resize((out.size() + 7) / 8 * 8);
  return out;
}

template <typename Struct>
std::string struct_item(ks_http2_item_kind kind, const Struct& body, int offset = 0) {
  return item(kind, {reinterpret_cast<const char*>(&body), sizeof body}, offset);
}

inline std::string start_item() {
  return item(KS_HTTP2_START);
}
inline std::string joined_item() {
  return item(KS_HTTP2_JOINED);
}
inline std::string data_item(std::uint32_t stream, unsigned flags = 0, std::uint64_t bytes = 0) {
  return struct_item(
      KS_HTTP2_DATA,
      ks_http2_data{
          .stream = stream, .flags = flags, .bytes = bytes, .messages = 0, .reserved = 0});
}
inline std::string message_item(std::uint32_t stream, std::uint32_t length) {
  return struct_item(
      KS_HTTP2_MESSAGE,
      ks_http2_message{.stream = stream, .length = length, .compressed = 0, .reserved = {}});
}

// Walks the frames of one direction. DATA and the frames that are not captured give no items.
class FrameItems {
 public:
  // The items of the next transfer.
  std::string transfer(std::string_view bytes) {
    std::string out;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t wanted =
          header_.size() < kFrameHeaderBytes ? kFrameHeaderBytes - header_.size() : left_;
      const std::string_view part = bytes.substr(at, wanted);
      if (header_.size() < kFrameHeaderBytes) {
        header_ += part;
        if (header_.size() == kFrameHeaderBytes) begin_frame(at + part.size(), out);
      } else {
        payload(part, at, out);
      }
      at += part.size();
    }
    return out;
  }

 private:
  void begin_frame(std::size_t end_of_header, std::string& out) {
    const FrameHeader header = read_frame_header(header_);
    left_ = header.length;
    captured_ = header.type != FrameType::kData && header.type != FrameType::kPing &&
                header.type != FrameType::kWindowUpdate && header.type != FrameType::kPriority;
    said_ = false;
    if (left_ == 0) payload({}, end_of_header, out);
  }
  void payload(std::string_view part, std::size_t at, std::string& out) {
    if (captured_ && !said_) {
      const int offset = static_cast<int>(at) - static_cast<int>(kFrameHeaderBytes);
      out += item(KS_HTTP2_FRAME, header_ + std::string(part), offset);
    } else if (captured_) {
      out += item(KS_HTTP2_PAYLOAD, part, static_cast<int>(at));
    }
    said_ = true;
    left_ -= part.size();
    if (left_ == 0) header_.clear();
  }

  std::string header_;
  std::size_t left_ = 0;
  bool captured_ = false;
  bool said_ = false;
};

}  // namespace kernspan::http2
