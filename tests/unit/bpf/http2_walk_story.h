// What the tests of the walk over HTTP/2 frames share: conversations, and what the walk makes of them.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/bpf/http2_conversation.h"
#include "tests/unit/bpf/http2_walker.h"

namespace kernspan::bpf_test {

using Side = Conversation::Side;

inline void PrintTo(const Item& item, std::ostream* out) {
  constexpr std::array kKinds = {"?", "START", "JOINED", "FRAME", "PAYLOAD", "MESSAGE", "DATA"};
  *out << kKinds[static_cast<std::size_t>(item.kind) % kKinds.size()] << " at " << item.at
       << " flags " << item.flags << ' ' << testing::PrintToString(item.bytes);
}

inline constexpr int kEndHeaders = KS_HTTP2_END_HEADERS;
inline constexpr int kEndStream = KS_HTTP2_END_STREAM;

inline std::string body_of(std::initializer_list<std::size_t> lengths) {
  std::string body;
  for (const std::size_t length : lengths) {
    body += message_prefix(static_cast<std::uint32_t>(length)) + std::string(length, 'm');
  }
  return body;
}

// Everything that matters, in few bytes.
inline Conversation small_conversation(Side side) {
  Conversation talk(side);
  talk.captured(KS_HTTP2_TYPE_SETTINGS, KS_HTTP2_ACK, 0, "");
  talk.skipped(KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0, std::string("\0\1\0\0", 4));
  talk.headers(1, "block one", kEndHeaders);
  talk.headers(3, "block three, without end");
  talk.captured(KS_HTTP2_TYPE_CONTINUATION, 0, 3, "continued");
  talk.captured(KS_HTTP2_TYPE_CONTINUATION, kEndHeaders, 3, "");
  const std::string body = body_of({3, 0, 40});
  talk.data(1, std::string_view(body).substr(0, 7));
  talk.data(3, "\1");
  talk.data(1, std::string_view(body).substr(7, 9), false, 3);
  talk.data(3, message_prefix(2).substr(1) + "mm", true);
  talk.skipped(KS_HTTP2_TYPE_PING, 0, 0, "12345678");
  talk.data(1, "", false, 0);
  talk.data(1, std::string_view(body).substr(16), true, 255);
  talk.headers(5, "GET", kEndHeaders | kEndStream);
  talk.headers(7, "call", kEndHeaders);
  talk.data(7, body_of({5}));
  talk.headers(7, "trailers", kEndHeaders | kEndStream);
  talk.skipped(0xfa, 0xff, 9, "of an extension");
  talk.reset(9);
  talk.captured(KS_HTTP2_TYPE_GOAWAY, 0, 0, std::string("\0\0\0\7\0\0\0\0", 8));
  return talk;
}

inline std::vector<Item> items_in_transfers(Side side,
                                            std::initializer_list<std::string_view> transfers) {
  Walker walker;
  const ks_direction direction = side == Side::kClient ? KS_RECV : KS_SEND;
  for (const std::string_view transfer : transfers) walker.feed(direction, transfer);
  return walker.items(direction);
}

// A walker that has seen a server's SETTINGS and the HEADERS of these streams.
struct Answering {
  Walker walker;
  std::int64_t position = 0;

  explicit Answering(std::initializer_list<std::uint32_t> streams) {
    say(frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0));
    for (const std::uint32_t stream : streams) {
      say(frame_header(1, KS_HTTP2_TYPE_HEADERS, kEndHeaders, stream) + "h");
    }
    base = walker.items(KS_SEND).size();
  }
  void say(const std::string& bytes) {
    walker.feed(KS_SEND, bytes);
    position += static_cast<std::int64_t>(bytes.size());
  }
  void data(std::uint32_t stream, const std::string& payload, int flags = 0) {
    say(frame_header(static_cast<std::uint32_t>(payload.size()), KS_HTTP2_TYPE_DATA, flags,
                     stream) +
        payload);
  }
  std::vector<Item> items() {
    const auto& all = walker.items(KS_SEND);
    return {all.begin() + static_cast<std::ptrdiff_t>(base), all.end()};
  }

  std::size_t base = 0;
};

}  // namespace kernspan::bpf_test
