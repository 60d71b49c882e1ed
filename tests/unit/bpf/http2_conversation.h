// One direction of an HTTP/2 connection as it is written, with what the walk must say about it.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/bpf/http2_walker.h"

namespace kernspan::bpf_test {

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string frame_header(std::uint32_t length, int type, int flags, std::uint32_t stream) {
  std::string header;
  for (int shift = 16; shift >= 0; shift -= 8) header += static_cast<char>(length >> shift);
  header += static_cast<char>(type);
  header += static_cast<char>(flags);
  for (int shift = 24; shift >= 0; shift -= 8) header += static_cast<char>(stream >> shift);
  return header;
}

inline std::string message_prefix(std::uint32_t length, bool is_compressed = false) {
  std::string prefix(1, is_compressed ? '\1' : '\0');
  for (int shift = 24; shift >= 0; shift -= 8) prefix += static_cast<char>(length >> shift);
  return prefix;
}

template <typename T>
std::string bytes_of(const T& value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline Item message_item(std::int64_t at, std::uint32_t stream, std::uint32_t length,
                         bool is_compressed = false) {
  ks_http2_message message{};
  message.stream = stream;
  message.length = length;
  message.compressed = is_compressed;
  return {at, KS_HTTP2_MESSAGE, 0, bytes_of(message)};
}

inline Item data_item(std::int64_t at, std::uint32_t stream, std::uint32_t flags,
                      std::uint64_t bytes, std::uint32_t messages) {
  ks_http2_data data{};
  data.stream = stream;
  data.flags = flags;
  data.bytes = bytes;
  data.messages = messages;
  return {at, KS_HTTP2_DATA, 0, bytes_of(data)};
}

class Conversation {
 public:
  enum class Side { kClient, kServer };

  explicit Conversation(Side side) {
    if (side == Side::kClient) bytes_ = kPreface;
    items_.push_back({at(), KS_HTTP2_START, 0, {}});
    settings(std::string("\0\3\0\0\0\x64", 6));
  }

  const std::string& bytes() const { return bytes_; }
  const std::vector<Item>& items() const { return items_; }
  // Where the frames begin.
  const std::vector<std::size_t>& frames() const { return frames_; }

  // A frame that is captured whole.
  void captured(int type, int flags, std::uint32_t stream, std::string_view payload) {
    const std::string header =
        frame_header(static_cast<std::uint32_t>(payload.size()), type, flags, stream);
    items_.push_back({at(), KS_HTTP2_FRAME, 0, header + std::string(payload)});
    append(header, payload);
  }
  // A frame that is none of the agent's business.
  void skipped(int type, int flags, std::uint32_t stream, std::string_view payload) {
    append(frame_header(static_cast<std::uint32_t>(payload.size()), type, flags, stream), payload);
  }

  void settings(std::string_view payload) { captured(KS_HTTP2_TYPE_SETTINGS, 0, 0, payload); }
  void headers(std::uint32_t stream, std::string_view block, int flags = 0) {
    if ((flags & KS_HTTP2_END_STREAM) != 0) {
      if (const auto open = streams_.find(stream); open != streams_.end()) {
        if (open->second.bytes != 0) {
          items_.push_back(data_item(at(), stream, 0, open->second.bytes, open->second.messages));
        }
        streams_.erase(open);
      }
    } else {
      streams_.try_emplace(stream);
    }
    captured(KS_HTTP2_TYPE_HEADERS, flags, stream, block);
  }
  void reset(std::uint32_t stream) {
    captured(KS_HTTP2_TYPE_RST_STREAM, 0, stream, std::string("\0\0\0\10", 4));
    streams_.erase(stream);
  }

  // A part of a gRPC stream's bytes; messages begin wherever they do. `padding`: -1 for none.
  void data(std::uint32_t stream, std::string_view body, bool is_end = false, int padding = -1) {
    Stream& open = streams_[stream];
    const std::int64_t frame = at();
    const std::size_t extra = padding < 0 ? 0 : static_cast<std::size_t>(padding) + 1;
    std::int64_t here = frame + KS_HTTP2_HEADER_BYTES + (padding < 0 ? 0 : 1);
    for (const char c : body) {
      if (open.left != 0) {
        --open.left;
      } else {
        if (open.prefix.empty()) open.prefix_at = here;
        open.prefix += c;
        if (open.prefix.size() == 5) take_prefix(stream, open);
      }
      ++here;
    }
    open.bytes += body.size() + extra;
    std::string payload;
    if (padding >= 0) payload += static_cast<char>(padding);
    payload += body;
    if (padding > 0) payload += std::string(static_cast<std::size_t>(padding), '\0');
    int flags = padding < 0 ? 0 : KS_HTTP2_PADDED;
    if (is_end) {
      flags |= KS_HTTP2_END_STREAM;
      items_.push_back(data_item(frame, stream, KS_HTTP2_DATA_END, open.bytes, open.messages));
      streams_.erase(stream);
    }
    skipped(KS_HTTP2_TYPE_DATA, flags, stream, payload);
  }

 private:
  struct Stream {
    std::string prefix;
    std::int64_t prefix_at = 0;
    std::uint64_t left = 0;
    std::uint64_t bytes = 0;
    std::uint32_t messages = 0;
  };

  std::int64_t at() const { return static_cast<std::int64_t>(bytes_.size()); }

  void take_prefix(std::uint32_t stream, Stream& open) {
    std::uint32_t length = 0;
    for (int i = 1; i < 5; ++i) {
      length = length << 8 | static_cast<unsigned char>(open.prefix[static_cast<std::size_t>(i)]);
    }
    items_.push_back(message_item(open.prefix_at, stream, length, open.prefix[0] == '\1'));
    open.left = length;
    open.prefix.clear();
    ++open.messages;
  }

  void append(std::string_view header, std::string_view payload) {
    frames_.push_back(bytes_.size());
    bytes_ += header;
    bytes_ += payload;
  }

  std::string bytes_;
  std::vector<Item> items_;
  std::vector<std::size_t> frames_;
  std::map<std::uint32_t, Stream> streams_;
};

}  // namespace kernspan::bpf_test
