// The walk over HTTP/2 frames: what becomes of a direction, however it is cut into transfers.
#include "bpf/http2_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/bpf/http2_walk_story.h"

namespace kernspan::bpf_test {
namespace {

using testing::ElementsAreArray;

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
