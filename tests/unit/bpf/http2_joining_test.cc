// How the walk recognises HTTP/2, and how it finds its place in the middle of a connection.
#include "bpf/http2_walk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/bpf/http2_walk_story.h"

namespace kernspan::bpf_test {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

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

}  // namespace
}  // namespace kernspan::bpf_test
