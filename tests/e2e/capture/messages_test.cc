// What crosses the ring of whole conversations: heads in any number of pieces, bodies never, ends
// of bodies as times.
#include <sys/uio.h>

#include <cerrno>
#include <cstdlib>

#include "tests/e2e/capture/live_capture.h"

namespace kernspan::probes {
namespace {

constexpr std::string_view kToken = "body-token-0123456789";
const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kEmptyAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

class MessagesTest : public CaptureTest {};

TEST_F(MessagesTest, BodiesNeverCrossWhereverTheMessageIsSplit) {
  const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:  42\t\r\nX: y\r\n\r\n";
  const std::string message = head + std::string(kToken) + std::string(kToken);
  for (std::size_t split = 1; split < message.size(); ++split) {
    SCOPED_TRACE(split);
    Connection connection = Connection::open();
    pass(connection.client, connection.server, message.substr(0, split));
    pass(connection.client, connection.server, message.substr(split));
    pass(connection.client, connection.server, kGet);
    ASSERT_EQ(captured(connection.client, KS_SEND), head + kGet);
    ASSERT_EQ(captured(connection.server, KS_RECV), head + kGet);
    const auto sent = transfers(connection.client, KS_SEND);
    ASSERT_TRUE(sent.front().has(KS_HEAD_START));
    ASSERT_TRUE(sent.back().has(KS_HEAD_END));
    ASSERT_FALSE(is_anywhere("body-token"));
    SetUp();
  }
}

TEST_F(MessagesTest, HeadsArriveByteByByte) {
  Connection connection = Connection::open();
  const std::string message = "PUT /x HTTP/1.1\r\nContent-Length: 21\r\n\r\n";
  for (const char c : message + std::string(kToken)) {
    pass(connection.client, connection.server, {&c, 1});
  }
  EXPECT_EQ(captured(connection.client, KS_SEND), message);
  EXPECT_EQ(captured(connection.server, KS_RECV), message);
  // One record for each byte of the head, none for the body but one for its last byte.
  EXPECT_EQ(transfers(connection.server, KS_RECV).size(), message.size() + 1);
}

// As Go's net/http reads: one byte ahead, then the rest.
TEST_F(MessagesTest, OneByteReadAheadOfTheRest) {
  Connection connection = Connection::open();
  for (int i = 0; i < 3; ++i) {
    say(connection.client, kGet);
    EXPECT_EQ(hear(connection.server, 1), "G");
    EXPECT_EQ(hear(connection.server, kGet.size() - 1), kGet.substr(1));
    pass(connection.server, connection.client, kEmptyAnswer);
  }
  EXPECT_EQ(captured(connection.server, KS_RECV), kGet + kGet + kGet);
}

TEST_F(MessagesTest, ChunkedBodiesSendTheirTailsOnly) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "15\r\n" + std::string(kToken) + "\r\n";
  pass(connection.server, connection.client, head + chunk);
  pass(connection.server, connection.client, chunk);
  pass(connection.server, connection.client, "0\r\n");
  pass(connection.server, connection.client, "\r\n");
  pass(connection.client, connection.server, kGet);
  // The chunked body's end was seen, so that even one byte is the start of the next message.
  pass(connection.server, connection.client, "H");
  pass(connection.server, connection.client, kEmptyAnswer.substr(1));

  const auto seen = transfers(connection.client, KS_RECV);
  ASSERT_EQ(seen.size(), 6u);
  EXPECT_EQ(seen[0].bytes, head);
  EXPECT_EQ(seen[0].tail, "456789\r\n");
  EXPECT_EQ(seen[1].bytes, "");
  EXPECT_EQ(seen[1].tail, "456789\r\n");
  EXPECT_EQ(seen[2].tail, "0\r\n");
  EXPECT_EQ(seen[3].tail, "\r\n");
  EXPECT_EQ(seen[4].bytes, "H");
  EXPECT_TRUE(seen[4].has(KS_HEAD_START));
  EXPECT_EQ(seen[4].bytes + seen[5].bytes, kEmptyAnswer);
  EXPECT_FALSE(is_anywhere("body-token"));
}

TEST_F(MessagesTest, AnswersUntilCloseAreFollowedToTheirEnd) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, "HTTP/1.0 200 OK\r\n\r\n");
  say(connection.server, kToken);
  connection.server.close();
  EXPECT_EQ(hear(connection.client, kToken.size()), kToken);
  EXPECT_EQ(hear(connection.client, 1), "");
  const auto seen = transfers(connection.client, KS_RECV);
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[1].event.transfer_bytes, kToken.size());
  EXPECT_TRUE(seen[2].has(KS_EOF));
  EXPECT_EQ(seen[2].event.tcp_seq, seen[1].event.tcp_seq + kToken.size());
  EXPECT_FALSE(is_anywhere("body-token"));
}

TEST_F(MessagesTest, PipelinedRequestsAreSeparatePieces) {
  Connection connection = Connection::open();
  const std::string post = "POST / HTTP/1.1\r\nContent-Length: 21\r\n\r\n";
  pass(connection.client, connection.server, kGet + post + std::string(kToken) + kGet + "GE");
  pass(connection.client, connection.server, "T /rest HTTP/1.1\r\n\r\n");
  for (const auto& seen :
       {transfers(connection.client, KS_SEND), transfers(connection.server, KS_RECV)}) {
    ASSERT_EQ(seen.size(), 5u);
    EXPECT_EQ(seen[0].bytes, kGet);
    EXPECT_EQ(seen[1].bytes, post);
    EXPECT_EQ(seen[2].bytes, kGet);
    EXPECT_EQ(seen[3].bytes, "GE");
    EXPECT_EQ(seen[4].bytes, "T /rest HTTP/1.1\r\n\r\n");
    EXPECT_EQ(seen[1].event.piece_offset, kGet.size());
    EXPECT_EQ(seen[2].event.piece_offset, kGet.size() + post.size() + kToken.size());
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(seen[static_cast<std::size_t>(i)].has(KS_MORE_PIECES));
      EXPECT_EQ(seen[static_cast<std::size_t>(i)].event.tcp_seq, seen[0].event.tcp_seq);
    }
    EXPECT_FALSE(seen[3].has(KS_MORE_PIECES));
  }
  EXPECT_FALSE(is_anywhere("body-token"));
}

TEST_F(MessagesTest, MorePiecesThanTheHookWalksAreCounted) {
  Connection connection = Connection::open();
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += kGet;
  const std::uint64_t before = counter(KS_COUNT_TOO_MANY_PIECES);
  pass(connection.client, connection.server, requests);
  const auto seen = transfers(connection.client, KS_SEND);
  EXPECT_GE(seen.size(), 64u);
  EXPECT_LT(seen.size(), 70u);
  EXPECT_FALSE(seen.back().has(KS_MORE_PIECES));
  EXPECT_EQ(counter(KS_COUNT_TOO_MANY_PIECES), before + 2);
  // It finds the way back.
  pass(connection.client, connection.server, kGet);
  EXPECT_EQ(transfers(connection.client, KS_SEND).back().bytes, kGet);
}

TEST_F(MessagesTest, AnswersWithoutTheBodyTheirFieldsSpeakOf) {
  Connection connection = Connection::open();
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n";
  const std::string not_modified = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n";
  const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
  pass(connection.client, connection.server, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  pass(connection.server, connection.client, answer);
  pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, not_modified);
  pass(connection.client, connection.server,
       "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  pass(connection.server, connection.client, go_on.substr(0, 9));
  pass(connection.server, connection.client, go_on.substr(9));
  pass(connection.client, connection.server, "ab");
  pass(connection.server, connection.client, kEmptyAnswer.substr(0, 3));
  pass(connection.server, connection.client, kEmptyAnswer.substr(3));
  EXPECT_EQ(captured(connection.client, KS_RECV), answer + not_modified + go_on + kEmptyAnswer);
}

TEST_F(MessagesTest, UpgradesEndTheFollowing) {
  Connection connection = Connection::open();
  const std::string upgrade =
      "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n";
  const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
  pass(connection.client, connection.server, upgrade);
  pass(connection.server, connection.client, switching);
  pass(connection.client, connection.server, kGet);
  pass(connection.server, connection.client, kEmptyAnswer);
  EXPECT_EQ(captured(connection.client, KS_SEND), upgrade);
  EXPECT_EQ(captured(connection.client, KS_RECV), switching);
}

TEST_F(MessagesTest, TunnelsEndTheFollowing) {
  Connection connection = Connection::open();
  const std::string request = "CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n";
  const std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
  pass(connection.client, connection.server, request);
  pass(connection.server, connection.client, answer);
  pass(connection.client, connection.server, kGet);
  EXPECT_EQ(captured(connection.client, KS_SEND), request);
  EXPECT_EQ(captured(connection.server, KS_SEND), answer);
}

TEST_F(MessagesTest, LongHeadsTakeSeveralRecordsAndHaveALimit) {
  Connection connection = Connection::open();
  const std::string fits = "GET / HTTP/1.1\r\nX: " + std::string(20000, 'x') + "\r\n\r\n";
  pass(connection.client, connection.server, fits);
  EXPECT_EQ(captured(connection.client, KS_SEND), fits);
  EXPECT_EQ(captured(connection.server, KS_RECV), fits);

  const std::uint64_t cuts = counter(KS_COUNT_HEAD_CUT);
  const std::string too_long = "GET / HTTP/1.1\r\nX: " + std::string(80000, 'x') + "\r\n\r\n";
  for (std::size_t i = 0; i < too_long.size(); i += 10000) {
    pass(connection.client, connection.server, too_long.substr(i, 10000));
  }
  pass(connection.client, connection.server, kGet);
  EXPECT_EQ(captured(connection.client, KS_SEND),
            fits + too_long.substr(0, KS_HEAD_BYTES_MAX) + kGet);
  EXPECT_EQ(counter(KS_COUNT_HEAD_CUT), cuts + 2);
}

TEST_F(MessagesTest, OtherProtocolsAreGivenUpAtOnceAndForGood) {
  const std::string others[] = {
      std::string("\x16\x03\x01\x02", 4) + std::string(200, 'k'),
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$21\r\n" + std::string(kToken) + "\r\n",
      "PING\r\n",
      "EHLO mail.test\r\n",
      "GET key\r\n",
      "PRJ * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "SELECT 1;",
      std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8)};
  for (const std::string& other : others) {
    SCOPED_TRACE(other);
    Connection connection = Connection::open();
    const std::uint64_t before = counter(KS_COUNT_GIVEN_UP);
    pass(connection.client, connection.server, other);
    EXPECT_EQ(counter(KS_COUNT_GIVEN_UP), before + 2);
    pass(connection.client, connection.server, kGet);
    pass(connection.server, connection.client, kEmptyAnswer);
    EXPECT_TRUE(transfers(connection.client, KS_SEND).empty());
    EXPECT_TRUE(transfers(connection.server, KS_SEND).empty());
  }
}

TEST_F(MessagesTest, AServerThatSpeaksFirstIsGivenUp) {
  Connection connection = Connection::open();
  pass(connection.server, connection.client, "220 mail.test ESMTP\r\n");
  pass(connection.client, connection.server, kGet);
  EXPECT_EQ(captured(connection.client, KS_SEND), "");
}

TEST_F(MessagesTest, ABodyThatQuotesAMessageIsStillABody) {
  Connection connection = Connection::open();
  const std::string head = "POST / HTTP/1.1\r\nContent-Length: 70\r\n\r\n";
  pass(connection.client, connection.server, head);
  pass(connection.client, connection.server, "GET is a verb; " + std::string(kToken) + "\r\n");
  pass(connection.client, connection.server, std::string(32, 'b'));
  pass(connection.client, connection.server, kGet);
  EXPECT_EQ(captured(connection.client, KS_SEND), head + kGet);
  EXPECT_FALSE(is_anywhere("body-token"));
}

TEST_F(MessagesTest, TheRingKeepsItsBooks) {
  Connection connection = Connection::open();
  CaptureSettings settings;
  settings.agent_tgid = 0;
  settings.ring_bytes = 4096;
  settings.variant =
      std::getenv("KERNSPAN_CAPTURE_VARIANT") ? std::getenv("KERNSPAN_CAPTURE_VARIANT") : "auto";
  auto small = Capture::create(settings);
  ASSERT_TRUE(small.has_value()) << small.error().message;
  for (int i = 0; i < 100; ++i) {
    pass(connection.client, connection.server, kGet);
    pass(connection.server, connection.client, kEmptyAnswer);
  }
  (*small)->detach();
  struct : RecordSink {
    void on_record(std::string_view) override { ++records; }
    std::uint64_t records = 0;
  } sink;
  (*small)->drain(sink);
  const KernelCounters counters = (*small)->counters();
  EXPECT_EQ(sink.records, counters[KS_COUNT_SUBMITTED]);
  EXPECT_GT(sink.records, 0u);
  EXPECT_GE(counters[KS_COUNT_SUBMITTED] + counters[KS_COUNT_RING_FULL_TRANSFER], 400u);
  EXPECT_GT(counters[KS_COUNT_RING_FULL_TRANSFER], 300u);
}

}  // namespace
}  // namespace kernspan::probes
