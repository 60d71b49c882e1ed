// Frames of one direction of an HTTP/2 connection, as the kernel side tells of them: header blocks
// come from nghttp2's encoder, so that fields are indexed and Huffman-coded as in life.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpf/abi/http2_items.h"

namespace kernspan {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

class FrameScript {
 public:
  FrameScript() {
    nghttp2_hd_deflater* deflater = nullptr;
    nghttp2_hd_deflate_new(&deflater, 4096);
    deflater_.reset(deflater);
  }

  // What a client's direction begins with.
  FrameScript& preface() {
    wire_bytes_ += 24;
    return mark(KS_HTTP2_START);
  }
  // What a server's direction begins with.
  FrameScript& start() { return mark(KS_HTTP2_START); }
  FrameScript& joined() { return mark(KS_HTTP2_JOINED); }

  FrameScript& headers(std::uint32_t stream, const HeaderFields& fields, bool end_stream = false) {
    constexpr std::uint8_t kEndHeaders = 0x4;
    return frame(0x1, static_cast<std::uint8_t>(kEndHeaders | (end_stream ? 1 : 0)), stream,
                 encode(fields));
  }
  // The block goes into the tables of the encoder only: nobody captured it.
  void headers_before_the_agent(const HeaderFields& fields) { encode(fields); }
  // A block as an encoder other than nghttp2's writes it.
  FrameScript& raw_headers(std::uint32_t stream, const std::string& block,
                           bool end_stream = false) {
    return frame(0x1, end_stream ? 0x5 : 0x4, stream, block);
  }
  FrameScript& reset(std::uint32_t stream, std::uint32_t code) {
    return frame(0x3, 0, stream, number(code));
  }
  FrameScript& goaway(std::uint32_t last_stream, std::uint32_t code) {
    return frame(0x7, 0, 0, number(last_stream) + number(code));
  }
  // One gRPC message in a DATA frame of its own.
  FrameScript& message(std::uint32_t stream, std::uint32_t length) {
    const ks_http2_message message{
        .stream = stream, .length = length, .compressed = 0, .reserved = {}};
    wire_bytes_ += 9;
    item(KS_HTTP2_MESSAGE, bytes_of(message));
    wire_bytes_ += 5 + length;
    Count& count = counts_[slot(stream)];
    count.bytes += 5 + length;
    ++count.messages;
    return *this;
  }
  // DATA without messages.
  FrameScript& body(std::uint32_t stream, std::uint32_t bytes) {
    wire_bytes_ += 9 + bytes;
    counts_[slot(stream)].bytes += bytes;
    return *this;
  }
  // What the kernel side has counted; with KS_HTTP2_DATA_END the direction of the stream is over.
  FrameScript& data(std::uint32_t stream, std::uint32_t flags) {
    const Count& count = counts_[slot(stream)];
    const ks_http2_data data{.stream = stream,
                             .flags = flags,
                             .bytes = count.bytes,
                             .messages = count.messages,
                             .reserved = 0};
    item(KS_HTTP2_DATA, bytes_of(data));
    return *this;
  }
  FrameScript& end(std::uint32_t stream) { return data(stream, KS_HTTP2_DATA_END); }
  FrameScript& trailers(std::uint32_t stream, const HeaderFields& fields) {
    if (counts_[slot(stream)].bytes > 0) data(stream, 0);
    return headers(stream, fields, true);
  }

  // The items so far, and how many bytes of the connection they stand for; begins a new transfer.
  std::pair<std::string, std::uint32_t> take() {
    return {std::exchange(items_, {}), std::exchange(wire_bytes_, 0)};
  }

 private:
  struct Count {
    std::uint64_t bytes = 0;
    std::uint32_t messages = 0;
  };
  struct Free {
    void operator()(nghttp2_hd_deflater* deflater) const { nghttp2_hd_deflate_del(deflater); }
  };

  std::size_t slot(std::uint32_t stream) {
    if (counts_.size() <= stream) counts_.resize(stream + 1);
    return stream;
  }
  template <typename T>
  static std::string bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
  }
  static std::string number(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
  }
  FrameScript& mark(ks_http2_item_kind kind) {
    item(kind, {});
    return *this;
  }
  FrameScript& frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                     const std::string& payload) {
    std::string bytes = number(static_cast<std::uint32_t>(payload.size())).substr(1);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    bytes += number(stream) + payload;
    item(KS_HTTP2_FRAME, bytes);
    wire_bytes_ += static_cast<std::uint32_t>(bytes.size());
    return *this;
  }
  void item(ks_http2_item_kind kind, std::string_view bytes) {
    const ks_http2_item head{.offset = static_cast<ks_s32>(wire_bytes_),
                             .bytes = static_cast<ks_u16>(bytes.size()),
                             .kind = static_cast<ks_u8>(kind),
                             .flags = 0};
    items_ += bytes_of(head);
    items_ += bytes;
    items_.resize((items_.size() + 7) / 8 * 8, '\0');
  }
  std::string encode(const HeaderFields& fields) {
    std::vector<nghttp2_nv> pairs;
    for (const auto& [name, value] : fields) {
      const auto bytes = [](const std::string& text) {
        return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
      };
      pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    std::string block(nghttp2_hd_deflate_bound(deflater_.get(), pairs.data(), pairs.size()), '\0');
    const auto size =
        nghttp2_hd_deflate_hd(deflater_.get(), reinterpret_cast<std::uint8_t*>(block.data()),
                              block.size(), pairs.data(), pairs.size());
    block.resize(static_cast<std::size_t>(size));
    return block;
  }

  std::unique_ptr<nghttp2_hd_deflater, Free> deflater_;
  std::string items_;
  std::uint32_t wire_bytes_ = 0;
  std::vector<Count> counts_;
};

}  // namespace kernspan
