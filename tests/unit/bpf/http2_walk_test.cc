// The walk over HTTP/2 frames: what becomes of a direction, however it is cut into transfers.
#include "bpf/http2_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "tests/unit/bpf/http2_conversation.h"
#include "tests/unit/bpf/http2_walker.h"

namespace kernspan::bpf_test {

void PrintTo(const Item& item, std::ostream* out) {
  constexpr std::array kKinds = {"?", "START", "JOINED", "FRAME", "PAYLOAD", "MESSAGE", "DATA"};
  *out << kKinds[static_cast<std::size_t>(item.kind) % kKinds.size()] << " at " << item.at
       << " flags " << item.flags << ' ' << testing::PrintToString(item.bytes);
}

namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using Side = Conversation::Side;

constexpr int kEndHeaders = KS_HTTP2_END_HEADERS;
constexpr int kEndStream = KS_HTTP2_END_STREAM;

std::string body_of(std::initializer_list<std::size_t> lengths) {
  std::string body;
  for (const std::size_t length : lengths) {
    body += message_prefix(static_cast<std::uint32_t>(length)) + std::string(length, 'm');
  }
  return body;
}

// Everything that matters, in few bytes.
Conversation small_conversation(Side side) {
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

std::vector<Item> items_in_transfers(Side side, std::initializer_list<std::string_view> transfers) {
  Walker walker;
  const ks_direction direction = side == Side::kClient ? KS_RECV : KS_SEND;
  for (const std::string_view transfer : transfers) walker.feed(direction, transfer);
  return walker.items(direction);
}

TEST(Frames, BecomeTheirItems) {
  for (const Side side : {Side::kClient, Side::kServer}) {
    const Conversation talk = small_conversation(side);
    EXPECT_THAT(items_in_transfers(side, {talk.bytes()}), ElementsAreArray(talk.items()));
  }
}

TEST(Frames, SplitAtEveryByteAreTheSame) {
  const Conversation talk = small_conversation(Side::kClient);
  const std::string_view bytes = talk.bytes();
  // What is shorter could be the beginning of an HTTP/1 method: see Recognition.
  for (std::size_t i = 3; i < bytes.size(); ++i) {
    ASSERT_THAT(items_in_transfers(Side::kClient, {bytes.substr(0, i), bytes.substr(i)}),
                ElementsAreArray(talk.items()))
        << i;
  }
}

TEST(Frames, ByteByByteAreTheSame) {
  const Conversation talk = small_conversation(Side::kServer);
  for (const std::size_t size : {1u, 2u, 3u, 5u, 8u, 9u, 10u, 13u}) {
    Walker walker;
    // The first transfer says what the socket is.
    walker.feed(KS_SEND, std::string_view(talk.bytes()).substr(0, 15));
    for (std::size_t at = 15; at < talk.bytes().size(); at += size) {
      walker.feed(KS_SEND, std::string_view(talk.bytes()).substr(at, size));
    }
    ASSERT_THAT(walker.items(KS_SEND), ElementsAreArray(talk.items())) << size;
    EXPECT_EQ(walker.broken + walker.not_found + walker.lost_messages, 0u);
  }
}

TEST(Frames, OfRandomConversationsInRandomTransfers) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned limit) { return std::uint32_t(random() % limit); };
    Conversation talk(Side::kClient);
    std::map<std::uint32_t, std::string> open;  // what is left of each stream's body
    std::uint32_t next = 1;
    for (int i = 0; i < 100; ++i) {
      const unsigned what = below(8);
      if (what == 0 && open.size() < 30) {
        std::string body;
        for (unsigned messages = below(6); messages != 0; --messages) {
          const std::uint32_t length = below(4) == 0 ? below(5000) : below(30);
          body += message_prefix(length, below(2)) + std::string(length, 'x');
        }
        talk.headers(next, std::string(below(300), 'h'), kEndHeaders);
        open[next] = body;
        next += 2;
      } else if (what == 1) {
        talk.headers(next, std::string(below(9000), 'h'), kEndHeaders | kEndStream);
        next += 2;
      } else if (what == 2) {
        talk.skipped(KS_HTTP2_TYPE_WINDOW_UPDATE, 0, below(100), "1234");
      } else if (!open.empty()) {
        auto stream = open.begin();
        std::advance(stream, below(static_cast<unsigned>(open.size())));
        const std::size_t size = std::min<std::size_t>(stream->second.size(), below(3000));
        const bool is_end = size == stream->second.size() && below(2) != 0;
        talk.data(stream->first, std::string_view(stream->second).substr(0, size), is_end,
                  below(3) == 0 ? int(below(256)) : -1);
        stream->second.erase(0, size);
        if (is_end) open.erase(stream);
      }
    }
    Walker walker;
    const std::string_view bytes = talk.bytes();
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t size = 3 + below(below(2) != 0 ? 40 : 20000);
      walker.feed(KS_SEND, bytes.substr(at, size));
      at += size;
    }
    ASSERT_THAT(walker.items(KS_SEND), ElementsAreArray(talk.items())) << "seed " << seed;
    ASSERT_EQ(walker.untracked_streams, 0u) << "seed " << seed;
  }
}

TEST(Frames, ManyInOneTransferBecomeManyRecords) {
  Conversation talk(Side::kClient);
  for (std::uint32_t stream = 1; stream < 2000; stream += 2) {
    talk.headers(stream, "some block", kEndHeaders | kEndStream);
  }
  Walker walker;
  walker.feed(KS_RECV, talk.bytes());
  EXPECT_THAT(walker.items(KS_RECV), ElementsAreArray(talk.items()));
  EXPECT_GE(walker.records(KS_RECV), 1000 * 32u / KS_CAPTURE_BYTES_MAX);
}

TEST(Frames, PayloadsOfDataAreNeverInItems) {
  Conversation talk(Side::kClient);
  talk.headers(1, "block", kEndHeaders);
  const std::string secret(1 << 20, 'S');
  const std::string body = message_prefix(static_cast<std::uint32_t>(secret.size())) + secret;
  for (std::size_t at = 0; at < body.size(); at += 16384) {
    talk.data(1, std::string_view(body).substr(at, 16384), at + 16384 >= body.size());
  }
  Walker walker;
  for (std::size_t at = 0; at < talk.bytes().size(); at += 65536) {
    walker.feed(KS_SEND, std::string_view(talk.bytes()).substr(at, 65536));
  }
  EXPECT_EQ(walker.raw(KS_SEND).find('S'), std::string::npos);
  EXPECT_LT(walker.raw(KS_SEND).size(), 200u);
  EXPECT_THAT(walker.items(KS_SEND), ElementsAreArray(talk.items()));
}

// ---- Header blocks ------------------------------------------------------------------------------

TEST(HeaderBlocks, AreCutAtTheLimit) {
  std::string bytes(kPreface);
  bytes += frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0);
  bytes += frame_header(60000, KS_HTTP2_TYPE_HEADERS, 0, 1) + std::string(60000, 'h');
  bytes += frame_header(16000, KS_HTTP2_TYPE_CONTINUATION, 0, 1) + std::string(16000, 'c');
  for (int i = 0; i < 1000; ++i) bytes += frame_header(0, KS_HTTP2_TYPE_CONTINUATION, 0, 1);
  bytes += frame_header(1, KS_HTTP2_TYPE_CONTINUATION, kEndHeaders, 1) + "c";
  bytes += frame_header(5, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 3) + "whole";
  Walker walker;
  walker.feed(KS_RECV, bytes);
  const auto& items = walker.items(KS_RECV);
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(items[2].flags, 0);
  EXPECT_EQ(items[3].flags, KS_HTTP2_CUT);
  EXPECT_EQ(items[3].bytes.size(), 9u + KS_HEAD_BYTES_MAX - 60009);
  EXPECT_EQ(items[4].flags, KS_HTTP2_CUT) << "the end of the block, and none before it";
  EXPECT_EQ(items[4].bytes, frame_header(1, KS_HTTP2_TYPE_CONTINUATION, kEndHeaders, 1));
  EXPECT_EQ(items[5].bytes.substr(9), "whole");
  EXPECT_EQ(walker.cut_blocks, 1u);
}

TEST(HeaderBlocks, OfEmptyContinuationsCostNoMoreThanTheLimit) {
  std::string bytes(kPreface);
  bytes += frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0);
  bytes += frame_header(0, KS_HTTP2_TYPE_HEADERS, 0, 1);
  Walker walker;
  walker.feed(KS_RECV, bytes);
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += frame_header(0, KS_HTTP2_TYPE_CONTINUATION, 0, 1);
  for (int i = 0; i < 100; ++i) walker.feed(KS_RECV, flood);
  EXPECT_LE(walker.items(KS_RECV).size(), KS_HEAD_BYTES_MAX / 9u + 3);
  EXPECT_EQ(walker.broken, 0u);
}

TEST(HeaderBlocks, ThatCannotBeReadAreCut) {
  Conversation talk(Side::kServer);
  Walker walker;
  walker.feed(KS_SEND, talk.bytes());
  const std::string headers =
      frame_header(100, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 1) + std::string(100, 'h');
  const std::string next = frame_header(2, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 3) + "hh";
  walker.feed(KS_SEND, Transfer{.bytes = headers, .readable = 9 + 30});
  walker.feed(KS_SEND, next);
  const auto& items = walker.items(KS_SEND);
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[2].flags, KS_HTTP2_CUT);
  EXPECT_EQ(items[2].bytes, headers.substr(0, 39));
  EXPECT_EQ(items[3].bytes, next);
  EXPECT_EQ(walker.cut_blocks, 1u);
}

TEST(HeaderBlocks, InterruptedLoseThePlace) {
  Conversation talk(Side::kClient);
  talk.headers(1, "block");
  for (const std::string& next :
       {frame_header(0, KS_HTTP2_TYPE_DATA, 0, 1), frame_header(8, KS_HTTP2_TYPE_PING, 0, 0),
        frame_header(0, KS_HTTP2_TYPE_CONTINUATION, kEndHeaders, 3)}) {
    Walker walker;
    walker.feed(KS_SEND, talk.bytes() + next);
    EXPECT_EQ(walker.broken, 1u);
    EXPECT_THAT(walker.items(KS_SEND), ElementsAreArray(talk.items()));
  }
}

TEST(SmallFrames, AreCutBehindWhatMatters) {
  Conversation talk(Side::kServer);
  Walker walker;
  walker.feed(KS_SEND, talk.bytes());
  walker.feed(KS_SEND, frame_header(20, KS_HTTP2_TYPE_GOAWAY, 0, 0) + "12345678" + "for debugging");
  const Item& item = walker.items(KS_SEND).back();
  EXPECT_EQ(item.bytes.substr(9), "12345678");
  EXPECT_EQ(item.flags, KS_HTTP2_CUT);
}

// ---- gRPC messages ------------------------------------------------------------------------------

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

TEST(Messages, OfSomethingElseAreNotSent) {
  Answering server{1};
  server.data(1, "<html> is not gRPC");
  server.data(1, std::string("\0\0\0\0\1x", 6), kEndStream);
  EXPECT_THAT(server.items(),
              ElementsAre(data_item(server.position - 15, 1, KS_HTTP2_DATA_END, 24, 0)));
}

TEST(Messages, ThatCannotFollowAreLostNotGuessed) {
  Answering server{1};
  const std::int64_t first = server.position + 9;
  server.data(1, body_of({2}) + "rubbish" + body_of({4}));
  const std::int64_t last = server.position;
  server.data(1, body_of({2}), kEndStream);
  EXPECT_THAT(server.items(),
              ElementsAre(message_item(first, 1, 2),
                          data_item(last, 1, KS_HTTP2_DATA_END | KS_HTTP2_DATA_UNCOUNTED, 30, 1)));
  EXPECT_EQ(server.walker.lost_messages, 1u);
}

TEST(Messages, OfABodyOfZerosAreFew) {
  Answering server{1};
  for (int i = 0; i < 100; ++i) server.data(1, std::string(16384, '\0'));
  EXPECT_EQ(server.items().size(), std::size_t{KS_HTTP2_EMPTY_MESSAGES_MAX});
  EXPECT_EQ(server.walker.lost_messages, 1u);
}

TEST(Messages, MayBeEmptyForEver) {
  Answering server{1};
  for (int i = 0; i < 1000; ++i) server.data(1, std::string(5, '\0'));
  server.data(1, "", kEndStream);
  ASSERT_EQ(server.items().size(), 1001u);
  EXPECT_EQ(server.items().back(),
            data_item(server.position - 9, 1, KS_HTTP2_DATA_END, 5000, 1000));
}

TEST(Messages, OfTheLargestLength) {
  Answering server{1};
  const std::int64_t first = server.position + 9;
  server.data(1, "\1\xff\xff\xff\xff and so on");
  server.data(1, std::string("\0\0\0\0\0", 5));
  EXPECT_THAT(server.items(), ElementsAre(message_item(first, 1, 0xffffffff, true)));
}

TEST(Messages, OfMoreStreamsThanSlotsAreNotGuessed) {
  Answering server{};
  const std::uint32_t count = 3 * KS_HTTP2_STREAMS_MAX;
  for (std::uint32_t i = 0; i < count; ++i) {
    server.say(frame_header(1, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 2 * i + 1) + "h");
  }
  server.base = server.walker.items(KS_SEND).size();
  for (std::uint32_t i = 0; i < count; ++i) server.data(2 * i + 1, body_of({1}));
  for (std::uint32_t i = 0; i < count; ++i) server.data(2 * i + 1, body_of({1}), kEndStream);
  std::size_t exact = 0, uncounted = 0;
  for (const Item& item : server.items()) {
    if (item.kind != KS_HTTP2_DATA) continue;
    ks_http2_data data;
    std::memcpy(&data, item.bytes.data(), sizeof data);
    EXPECT_TRUE(data.flags & KS_HTTP2_DATA_END);
    if ((data.flags & KS_HTTP2_DATA_UNCOUNTED) != 0) {
      ++uncounted;
    } else {
      ++exact;
      EXPECT_EQ(data.messages, 2u);
      EXPECT_EQ(data.bytes, 12u);
    }
  }
  EXPECT_EQ(exact, std::size_t{KS_HTTP2_STREAMS_MAX});
  EXPECT_EQ(uncounted, count - KS_HTTP2_STREAMS_MAX);
  EXPECT_EQ(server.walker.untracked_streams, count - KS_HTTP2_STREAMS_MAX);
}

TEST(Messages, OfALongStreamOutliveThousandsOfShortOnes) {
  Answering server{1};
  server.data(1, body_of({1}));
  for (std::uint32_t stream = 3; stream < 6000; stream += 2) {
    server.say(frame_header(1, KS_HTTP2_TYPE_HEADERS, kEndHeaders, stream) + "h");
    server.data(stream, body_of({2}), kEndStream);
  }
  server.data(1, body_of({1}), kEndStream);
  EXPECT_EQ(server.walker.untracked_streams, 0u);
  EXPECT_EQ(server.items().back(), data_item(server.position - 15, 1, KS_HTTP2_DATA_END, 12, 2));
}

TEST(Messages, OfFewStreamsAtATimeAreAlwaysCounted) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Answering server{};
    std::vector<std::uint32_t> open;
    std::uint32_t next = 1;
    std::size_t ended = 0;
    for (int i = 0; i < 3000; ++i) {
      if (open.size() < KS_HTTP2_STREAMS_MAX) {
        server.say(frame_header(1, KS_HTTP2_TYPE_HEADERS, kEndHeaders, next) + "h");
        open.push_back(next);
        next += 2;
      }
      const std::size_t which = random() % open.size();
      const bool is_end = random() % 2 != 0;
      server.data(open[which], body_of({3}), is_end ? kEndStream : 0);
      if (!is_end) continue;
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(which));
      ++ended;
    }
    EXPECT_EQ(server.walker.untracked_streams, 0u) << "seed " << seed;
    for (const Item& item : server.items()) {
      if (item.kind != KS_HTTP2_DATA) continue;
      ks_http2_data data;
      std::memcpy(&data, item.bytes.data(), sizeof data);
      ASSERT_EQ(data.flags, ks_u32{KS_HTTP2_DATA_END});
      ASSERT_EQ(data.bytes, 8u * data.messages);
      --ended;
    }
    EXPECT_EQ(ended, 0u);
    EXPECT_LE(server.walker.state(KS_SEND).strays, KS_HTTP2_STREAMS_MAX);
  }
}

TEST(Messages, OfResetStreamsLeaveNothingBehind) {
  Walker walker;
  walker.feed(KS_RECV, std::string(kPreface) + frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0));
  walker.feed(KS_SEND, frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0));
  for (std::uint32_t stream = 1; stream < 2000; stream += 2) {
    walker.feed(KS_SEND, frame_header(1, KS_HTTP2_TYPE_HEADERS, kEndHeaders, stream) + "h");
    walker.feed(KS_RECV, frame_header(4, KS_HTTP2_TYPE_RST_STREAM, 0, stream) + "0000");
  }
  EXPECT_EQ(walker.untracked_streams, 0u);
}

TEST(Messages, OfIdleStreamsMakeRoomInTheEnd) {
  Answering server{};
  std::string headers, data;
  for (std::uint32_t i = 0; i < KS_HTTP2_STREAMS_MAX; ++i) {
    headers += frame_header(0, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 2 * i + 1);
  }
  server.say(headers);
  server.walker.feed(KS_SEND, Transfer{.bytes = frame_header(0, 1, kEndHeaders, 1001),
                                       .period = KS_HTTP2_IDLE_PERIODS - 1});
  EXPECT_EQ(server.walker.untracked_streams, 1u);
  server.walker.feed(KS_SEND, Transfer{.bytes = frame_header(0, 1, kEndHeaders, 1003),
                                       .period = KS_HTTP2_IDLE_PERIODS});
  EXPECT_EQ(server.walker.untracked_streams, 1u);
}

TEST(Progress, IsSaidOnceInAPeriod) {
  Answering server{1};
  const std::string body = message_prefix(5000) + std::string(5000, 'm');
  const std::string frame = frame_header(5005, KS_HTTP2_TYPE_DATA, 0, 1) + body;
  const std::string_view bytes = frame;
  const std::int64_t at = server.position;
  server.walker.feed(KS_SEND, Transfer{.bytes = bytes.substr(0, 1000), .period = 0});
  server.walker.feed(KS_SEND, Transfer{.bytes = bytes.substr(1000, 1000), .period = 1});
  server.walker.feed(KS_SEND, Transfer{.bytes = bytes.substr(2000, 1000), .period = 1});
  server.walker.feed(KS_SEND, Transfer{.bytes = bytes.substr(3000), .period = 2});
  EXPECT_THAT(server.items(),
              ElementsAre(message_item(at + 9, 1, 5000), data_item(at, 1, 0, 1991, 1),
                          data_item(at, 1, 0, 5005, 1)));
}

// ---- What cannot be seen --------------------------------------------------------------------------

TEST(Unseen, BytesInsideDataAreCounted) {
  const std::string body = message_prefix(1000) + std::string(1000, 'm') + body_of({7});
  for (const bool is_gap : {false, true}) {
    Answering server{1};
    const std::int64_t at = server.position;
    const std::string frame =
        frame_header(static_cast<std::uint32_t>(body.size()), KS_HTTP2_TYPE_DATA, kEndStream, 1) +
        body;
    const std::string_view bytes = frame;
    server.walker.feed(KS_SEND, bytes.substr(0, 20));
    if (is_gap) {
      server.walker.miss(KS_SEND, 994);
    } else {
      server.walker.feed(KS_SEND, Transfer{.bytes = bytes.substr(20, 994), .has_buffer = false});
    }
    server.walker.feed(KS_SEND, bytes.substr(1014));
    EXPECT_THAT(server.items(),
                ElementsAre(message_item(at + 9, 1, 1000), message_item(at + 9 + 1005, 1, 7),
                            data_item(at, 1, KS_HTTP2_DATA_END, 1017, 2)));
  }
}

TEST(Unseen, BytesUpToTheFramesEndAreCounted) {
  for (const bool is_gap : {false, true}) {
    Answering server{1};
    const std::int64_t at = server.position;
    server.say(frame_header(105, KS_HTTP2_TYPE_DATA, kEndStream, 1) + message_prefix(100));
    if (is_gap) {
      server.walker.miss(KS_SEND, 100);
      server.walker.feed(KS_SEND, frame_header(8, KS_HTTP2_TYPE_PING, 0, 0) + "12345678");
    } else {
      server.walker.feed(KS_SEND, Transfer{.bytes = std::string(100, 'm'), .has_buffer = false});
    }
    EXPECT_THAT(server.items(), ElementsAre(message_item(at + 9, 1, 100),
                                            data_item(at, 1, KS_HTTP2_DATA_END, 105, 1)));
  }
}

TEST(Unseen, PrefixesLoseTheMessagesOfTheirStreamOnly) {
  Answering server{1, 3};
  const std::string body = body_of({10, 10});
  const std::string frame = frame_header(30, KS_HTTP2_TYPE_DATA, 0, 1) + body;
  const std::int64_t at = server.position;
  server.walker.feed(KS_SEND, std::string_view(frame).substr(0, 20));
  server.walker.miss(KS_SEND, 10);
  server.walker.feed(KS_SEND, std::string_view(frame).substr(30));
  server.position += 39;
  server.data(1, body, kEndStream);
  server.data(3, body_of({4}), kEndStream);
  EXPECT_THAT(
      server.items(),
      ElementsAre(message_item(at + 9, 1, 10),
                  data_item(at + 39, 1, KS_HTTP2_DATA_END | KS_HTTP2_DATA_UNCOUNTED, 60, 1),
                  message_item(at + 78 + 9, 3, 4), data_item(at + 78, 3, KS_HTTP2_DATA_END, 9, 1)));
}

TEST(Unseen, OtherBytesLoseThePlace) {
  const Conversation talk = small_conversation(Side::kServer);
  for (std::size_t at = 15; at + 12 < talk.bytes().size(); ++at) {
    Walker walker;
    walker.feed(KS_SEND, std::string_view(talk.bytes()).substr(0, at));
    walker.miss(KS_SEND, 10);
    walker.feed(KS_SEND, std::string_view(talk.bytes()).substr(at + 10));
    // Whatever is said is true; of a frame that the gap cut in two, the first part.
    std::map<std::int64_t, std::string> truth;
    for (const Item& item : talk.items()) {
      if (item.kind == KS_HTTP2_FRAME) truth[item.at] = item.bytes;
    }
    for (const Item& item : walker.items(KS_SEND)) {
      if (item.kind != KS_HTTP2_FRAME) continue;
      const std::string_view whole = truth[item.at];
      const std::size_t end = static_cast<std::size_t>(item.at) + item.bytes.size();
      ASSERT_EQ(item.bytes, end == at ? whole.substr(0, item.bytes.size()) : whole) << at;
    }
  }
}

TEST(Unseen, ASequenceThatGoesBackLosesThePlace) {
  Answering server{1};
  server.data(1, message_prefix(100) + std::string(50, 'm'));
  ks_http2_direction& state = server.walker.state(KS_SEND);
  state.next_seq += 10;
  server.say("anything at all, but no frame");
  EXPECT_EQ(state.phase, KS_HTTP2_PHASE_SEARCH);
  EXPECT_EQ(server.walker.not_found, 1u);
}

// ---- Joining --------------------------------------------------------------------------------------

// What is said after a join at byte `from` is true, wherever it is not said to be uncounted.
void expect_truth(const Conversation& talk, const Walker& walker, ks_direction direction,
                  std::size_t from) {
  std::map<std::tuple<std::int64_t, int>, std::string> truth;
  for (const Item& item : talk.items()) truth[{item.at, item.kind}] = item.bytes;
  for (Item item : walker.items(direction)) {
    item.at += static_cast<std::int64_t>(from);
    if (item.kind == KS_HTTP2_JOINED) continue;
    ASSERT_NE(item.kind, KS_HTTP2_START);
    const auto found = truth.find({item.at, item.kind});
    ASSERT_NE(found, truth.end()) << from << ": " << testing::PrintToString(item);
    if (item.kind == KS_HTTP2_DATA) {
      ks_http2_data said, is;
      std::memcpy(&said, item.bytes.data(), sizeof said);
      std::memcpy(&is, found->second.data(), sizeof is);
      ASSERT_EQ(said.stream, is.stream);
      ASSERT_EQ(said.flags & KS_HTTP2_DATA_END, is.flags & KS_HTTP2_DATA_END);
      if ((said.flags & KS_HTTP2_DATA_UNCOUNTED) != 0) continue;
    }
    ASSERT_EQ(item.bytes, found->second) << from;
  }
}

Conversation long_conversation() {
  Conversation talk(Side::kClient);
  for (std::uint32_t stream = 1; stream < 60; stream += 2) {
    talk.headers(stream, "the block of a request", kEndHeaders);
    talk.data(stream, body_of({30}), stream % 8 != 1);
    if (stream % 4 == 1) talk.skipped(KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0, "0000");
    if (stream > 9 && stream % 8 == 1) talk.data(stream - 8, body_of({10}), true);
  }
  return talk;
}

TEST(Joining, AtEveryByteOfAConversationIsNeverWrong) {
  const Conversation talk = long_conversation();
  const std::string_view bytes = talk.bytes();
  std::size_t joined = 0;
  for (std::size_t from = 1; from < bytes.size(); ++from) {
    Walker walker(false);
    // A transfer for each request, as it is written.
    std::size_t at = from;
    for (std::size_t frame : talk.frames()) {
      if (frame <= at || static_cast<unsigned char>(bytes[frame + 3]) != KS_HTTP2_TYPE_HEADERS)
        continue;
      walker.feed(KS_RECV, bytes.substr(at, frame - at));
      at = frame;
    }
    walker.feed(KS_RECV, bytes.substr(at));
    ASSERT_NO_FATAL_FAILURE(expect_truth(talk, walker, KS_RECV, from));
    if (walker.is_http2()) ++joined;
  }
  // All but those behind the last two requests' beginnings.
  EXPECT_GT(joined, bytes.size() - 200);
}

TEST(Joining, AtEveryByteInTransfersThatKnowNoFramesIsNeverWrong) {
  const Conversation talk = long_conversation();
  const std::string_view bytes = talk.bytes();
  for (const std::size_t size : {9u, 17u, 64u, 100u, 1000u}) {
    for (std::size_t from = 1; from < bytes.size(); ++from) {
      Walker walker(false);
      for (std::size_t at = from; at < bytes.size(); at += size) {
        walker.feed(KS_RECV, bytes.substr(at, size));
      }
      ASSERT_NO_FATAL_FAILURE(expect_truth(talk, walker, KS_RECV, from)) << size;
    }
  }
}

TEST(Joining, OneDirectionTellsOfTheOther) {
  Walker walker(false);
  walker.feed(KS_RECV, frame_header(5, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 7) + "block" +
                           frame_header(0, KS_HTTP2_TYPE_DATA, kEndStream, 7));
  EXPECT_TRUE(walker.is_http2());
  const std::string answer = frame_header(5, KS_HTTP2_TYPE_HEADERS, 5, 7) + "block";
  walker.feed(KS_SEND, "the rest of a frame");
  walker.feed(KS_SEND, answer);
  EXPECT_THAT(walker.items(KS_SEND),
              ElementsAre(Item{19, KS_HTTP2_JOINED, 0, ""}, Item{19, KS_HTTP2_FRAME, 0, answer}));
}

TEST(Joining, AFrameThatGoesOnInLaterTransfersIsAwaited) {
  Walker walker(false);
  const std::string window = frame_header(4, KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0) + "0000";
  walker.feed(KS_RECV, window + window);
  ASSERT_TRUE(walker.is_http2());
  std::string bytes = frame_header(1000, KS_HTTP2_TYPE_DATA, 0, 5) + std::string(1000, 'd');
  const std::string headers = frame_header(5, KS_HTTP2_TYPE_HEADERS, kEndHeaders, 7) + "block";
  bytes += headers;
  for (std::size_t at = 0; at < bytes.size(); at += 100) {
    walker.feed(KS_SEND, std::string_view(bytes).substr(at, 100));
  }
  EXPECT_THAT(walker.items(KS_SEND), ElementsAre(Item{1009, KS_HTTP2_JOINED, 0, ""},
                                                 Item{1009, KS_HTTP2_FRAME, 0, headers}));
}

TEST(Joining, OneFrameThatFitsIsNotEnough) {
  Walker walker(false);
  const std::string window = frame_header(4, KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0) + "0000";
  walker.feed(KS_RECV, window);
  EXPECT_FALSE(walker.is_http2());
  walker.feed(KS_RECV, "something else entirely");
  walker.feed(KS_RECV, window);
  EXPECT_FALSE(walker.is_http2());
  walker.feed(KS_RECV, window);
  EXPECT_TRUE(walker.is_http2());
}

TEST(Joining, IsTriedABoundedNumberOfTimes) {
  Walker walker(false);
  for (int i = 0; i < KS_MIDSTREAM_TRANSFERS_MAX; ++i) walker.feed(KS_RECV, "nothing of the kind");
  EXPECT_TRUE(walker.is_given_up());
}

TEST(Joining, BelievedWronglyEnds) {
  Walker walker(false);
  const std::string window = frame_header(4, KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0) + "0000";
  walker.feed(KS_RECV, window + window);
  ASSERT_TRUE(walker.is_http2());
  for (int i = 1; i < KS_MIDSTREAM_TRANSFERS_MAX; ++i) walker.feed(KS_RECV, "no frame, after all");
  ASSERT_TRUE(walker.is_http2());
  walker.feed(KS_SEND, "nor in the other direction");
  EXPECT_TRUE(walker.is_given_up());
}

// ---- Recognition ----------------------------------------------------------------------------------

TEST(Recognition, OfAPrefaceInPieces) {
  const Conversation talk(Side::kClient);
  for (std::size_t i = 3; i < kPreface.size(); ++i) {
    Walker walker;
    walker.feed(KS_RECV, std::string_view(talk.bytes()).substr(0, i));
    EXPECT_TRUE(walker.is_http2()) << i;
    walker.feed(KS_RECV, std::string_view(talk.bytes()).substr(i));
    EXPECT_THAT(walker.items(KS_RECV), ElementsAreArray(talk.items())) << i;
    EXPECT_EQ(walker.socket().role, KS_ROLE_SERVER);
  }
}

TEST(Recognition, OfAPrefaceWhoseFirstBytesWereTakenForHttp1) {
  const Conversation talk(Side::kClient);
  for (const std::size_t before : {1u, 2u}) {
    Walker walker;
    walker.feed(KS_RECV, "");
    ks_message& message = walker.socket().messages[KS_RECV];
    ks_begin_head(&message);
    message.head_bytes = static_cast<ks_u32>(before);
    std::memcpy(message.carry + KS_CARRY_BYTES - before, "PR", before);
    walker.miss(KS_RECV, before);
    walker.feed(KS_RECV, std::string_view(talk.bytes()).substr(before));
    EXPECT_THAT(walker.items(KS_RECV), ElementsAreArray(talk.items())) << before;
  }
  Walker walker;
  ks_message& message = walker.socket().messages[KS_RECV];
  ks_begin_head(&message);
  message.head_bytes = 2;
  std::memcpy(message.carry + KS_CARRY_BYTES - 2, "PU", 2);
  walker.feed(KS_RECV, std::string_view(talk.bytes()).substr(2));
  EXPECT_FALSE(walker.is_http2());
}

TEST(Recognition, OfAServerThatSpeaksFirst) {
  const Conversation server(Side::kServer), client(Side::kClient);
  Walker walker;
  walker.feed(KS_SEND, server.bytes());
  walker.feed(KS_RECV, client.bytes());
  EXPECT_EQ(walker.socket().role, KS_ROLE_SERVER);
  EXPECT_THAT(walker.items(KS_SEND), ElementsAreArray(server.items()));
  EXPECT_THAT(walker.items(KS_RECV), ElementsAreArray(client.items()));
}

TEST(Recognition, OfAnAnswerThatIsNoHttp2GivesUp) {
  Walker walker;
  walker.feed(KS_SEND, Conversation(Side::kClient).bytes());
  EXPECT_TRUE(walker.is_http2());
  walker.feed(KS_RECV, "HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_TRUE(walker.is_given_up());
}

TEST(Recognition, AfterAnUpgrade) {
  const Conversation server(Side::kServer), client(Side::kClient);
  Walker walker;
  walker.miss(KS_RECV, 100);
  walker.miss(KS_SEND, 100);
  walker.switch_protocols(KS_ROLE_SERVER);
  walker.feed(KS_SEND, server.bytes());
  walker.feed(KS_RECV, client.bytes());
  EXPECT_EQ(walker.items(KS_SEND).size(), server.items().size());
  EXPECT_EQ(walker.items(KS_RECV).size(), client.items().size());
  for (const ks_direction direction : {KS_SEND, KS_RECV}) {
    Walker websocket;
    websocket.miss(direction, 100);
    websocket.switch_protocols(KS_ROLE_SERVER);
    websocket.feed(direction, "\x81\x05hello, and so on");
    EXPECT_TRUE(websocket.is_given_up());
  }
}

std::string little(std::uint32_t value) {
  return bytes_of(value);
}
std::string big(std::uint32_t value) {
  return bytes_of(__builtin_bswap32(value));
}

TEST(Recognition, OfOtherProtocolsNever) {
  std::vector<std::vector<std::string>> talks = {
      {"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"},
      {"PUT /a HTTP/1.1\r\n\r\n", "PROPFIND / HTTP/1.1\r\n\r\n", "PR"},
      {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", "0\r\n\r\n"},
      // TLS: a ClientHello, application data
      {std::string("\x16\x03\x01\0\xc8\1\0\0\xc4\3\3", 11) + std::string(194, 'r'),
       std::string("\x17\3\3\0\x20", 5) + std::string(32, 'e')},
      // Postgres: SSLRequest, a start-up packet, queries, answers
      {big(8) + big(80877103),
       big(41) + big(196608) + std::string("user\0me\0database\0data\0\0", 23),
       "Q" + big(13) + std::string("SELECT 1\0", 9), "Z" + big(5) + "I",
       "C" + big(13) + std::string("SELECT 1\0", 9) + "Z" + big(5) + "I", "N"},
      // MySQL: greeting, query, OK
      {std::string("\x4a\0\0\0\x0a", 5) + std::string(73, 'g'),
       std::string("\x09\0\0\0\3SELECT 1", 13), std::string("\7\0\0\1\0\0\0\2\0\0\0", 11),
       std::string("\0\1\0\0\3", 5) + std::string(255, ' '), std::string("\0\0\1\0\3", 5)},
      {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "+OK\r\n", "$1\r\nb\r\n", ":1000\r\n"},
      // MongoDB: OP_MSG
      {little(46) + little(1) + little(0) + little(2013) + little(0) + std::string(26, '\0'),
       little(256) + little(0) + little(0) + little(2013) + std::string(240, '\0')},
      // AMQP, ZooKeeper, Cassandra, DNS over TCP, SMB, Thrift
      {std::string("AMQP\0\0\x09\1", 8), std::string("\1\0\0\0\0\0\4\0\x0a\0\x0b\xce", 12)},
      {big(44) + std::string(40, '\0') + big(16), big(8) + big(0xfffffffe) + big(11)},
      {std::string("\4\0\0\0\1\0\0\0\x16\0\1\0\x0b", 13) + "CQL_VERSION"},
      {std::string("\0\x1d\x12\x34\1\0\0\1\0\0\0\0\0\0", 14) + std::string(17, 'n')},
      {std::string("\0\0\0\x9b\xffSMB", 8) + std::string(151, '\0')},
      {big(30) + std::string("\x80\1\0\1", 4) + std::string(26, '\0')},
      {std::string(1000, '\0'), std::string(9, '\0'), std::string(13, '\0')},
  };
  // Kafka: every request of small sizes and keys.
  std::vector<std::string> kafka;
  for (std::uint32_t size = 10; size < 2600; size += 7) {
    for (const std::uint32_t key : {0u, 1u, 3u, 18u}) {
      kafka.push_back(big(size) + big(key << 16 | 4) + big(size + key) +
                      std::string(size - 8, '\0'));
    }
  }
  for (const std::string& request : kafka) talks.push_back({request, request});
  for (const auto& talk : talks) {
    for (const bool is_from_first : {true, false}) {
      for (const ks_direction direction : {KS_SEND, KS_RECV}) {
        Walker walker(is_from_first);
        for (int round = 0; round < 5; ++round) {
          for (const std::string& transfer : talk) walker.feed(direction, transfer);
        }
        ASSERT_FALSE(walker.is_http2()) << testing::PrintToString(talk[0]);
        ASSERT_TRUE(walker.items(direction).empty());
      }
    }
  }
}

TEST(Recognition, OfRandomBytesNever) {
  std::mt19937 random(20);
  for (int round = 0; round < 100000; ++round) {
    Walker walker(round % 2 == 0);
    for (int transfer = 0; transfer < 5; ++transfer) {
      std::string bytes(20 + random() % 100, '\0');
      // Bits that are seldom set, as in binary protocols with small numbers.
      for (char& c : bytes) c = static_cast<char>(random() & random());
      walker.feed(KS_RECV, bytes);
      ASSERT_FALSE(walker.is_http2()) << testing::PrintToString(bytes);
    }
  }
}

// ---- Hostile peers --------------------------------------------------------------------------------

TEST(Hostile, FramesThatBreakTheRulesLoseThePlace) {
  for (const std::string& frame :
       {frame_header(1, KS_HTTP2_TYPE_DATA, 0, 0) + "x", frame_header(0, 0, KS_HTTP2_PADDED, 1),
        frame_header(4, KS_HTTP2_TYPE_HEADERS, KS_HTTP2_PRIORITY, 1) + "xxxx",
        frame_header(4, KS_HTTP2_TYPE_PRIORITY, 0, 1) + "xxxx",
        frame_header(5, KS_HTTP2_TYPE_RST_STREAM, 0, 1) + "xxxxx",
        frame_header(5, KS_HTTP2_TYPE_SETTINGS, 0, 0) + "xxxxx",
        frame_header(6, KS_HTTP2_TYPE_SETTINGS, KS_HTTP2_ACK, 0) + "xxxxxx",
        frame_header(3, KS_HTTP2_TYPE_PUSH_PROMISE, 0, 1) + "xxx",
        frame_header(7, KS_HTTP2_TYPE_PING, 0, 0) + "xxxxxxx",
        frame_header(7, KS_HTTP2_TYPE_GOAWAY, 0, 0) + "xxxxxxx",
        frame_header(3, KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0) + "xxx",
        frame_header(0, KS_HTTP2_TYPE_CONTINUATION, 0, 1),
        frame_header(3, KS_HTTP2_TYPE_DATA, KS_HTTP2_PADDED, 1) + "\3xx"}) {
    Answering server{1};
    server.say(frame);
    EXPECT_EQ(server.walker.broken, 1u) << testing::PrintToString(frame);
    EXPECT_TRUE(server.items().empty());
    // And it is found again.
    const std::string headers = frame_header(5, KS_HTTP2_TYPE_HEADERS, 5, 9) + "block";
    server.say(headers);
    ASSERT_EQ(server.items().size(), 2u);
    EXPECT_EQ(server.items()[0].kind, KS_HTTP2_JOINED);
    EXPECT_EQ(server.items()[1].bytes, headers);
  }
}

TEST(Hostile, TransfersOfTinyFramesAreWalkedToALimit) {
  Answering server{};
  std::string flood;
  for (int i = 0; i < 100000; ++i) flood += frame_header(0, KS_HTTP2_TYPE_DATA, 0, 1);
  server.walker.steps = 0;
  server.say(flood);
  EXPECT_EQ(server.walker.too_many_frames, 1u);
  EXPECT_EQ(server.walker.steps, server.walker.steps_max);
}

TEST(Hostile, ReservedBitsAndUnknownFlagsAreIgnored) {
  Answering server{};
  std::string headers = frame_header(5, KS_HTTP2_TYPE_HEADERS, 0xd5, 9) + "block";
  headers[5] = '\x80';
  server.say(headers);
  ASSERT_EQ(server.items().size(), 1u);
  EXPECT_EQ(server.walker.broken, 0u);
}

}  // namespace
}  // namespace kernspan::bpf_test
