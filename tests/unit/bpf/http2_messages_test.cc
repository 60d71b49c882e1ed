// What the walk over HTTP/2 frames says of DATA: gRPC messages, progress, and bytes that cannot be seen.
#include "bpf/http2_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/bpf/http2_walk_story.h"

namespace kernspan::bpf_test {
namespace {

using testing::ElementsAre;

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

}  // namespace
}  // namespace kernspan::bpf_test
