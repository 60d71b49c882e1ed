// HTTP/2 on real sockets: the same items at both ends, however the frames come, and no payloads of DATA.
#include <sys/sendfile.h>
#include <sys/uio.h>

#include <gmock/gmock.h>

#include <cstdio>

#include "tests/e2e/capture/live_capture.h"
#include "tests/unit/bpf/http2_conversation.h"

namespace kernspan::bpf_test {

void PrintTo(const Item& item, std::ostream* out) {
  *out << "kind " << item.kind << " at " << item.at << " flags " << item.flags << ' '
       << testing::PrintToString(item.bytes);
}

}  // namespace kernspan::bpf_test

namespace kernspan::probes {
namespace {

using bpf_test::Conversation;
using bpf_test::data_item;
using bpf_test::frame_header;
using bpf_test::Item;
using bpf_test::message_item;
using bpf_test::message_prefix;
using testing::ElementsAre;
using testing::ElementsAreArray;

class Http2Test : public CaptureTest {
 protected:
  // What was said about one direction of a socket. Positions count from `first_seq`, or from the first
  // transfer of which there is a record.
  static std::vector<Item> items(const std::vector<Transfer>& transfers, std::uint32_t first_seq) {
    std::vector<Item> all;
    std::uint32_t ordinal = 0;
    for (const Transfer& transfer : transfers) {
      if (!transfer.has(KS_HTTP2)) continue;
      EXPECT_EQ(transfer.event.ordinal, ordinal++);
      bpf_test::append_items(all, transfer.bytes, transfer.event.tcp_seq - first_seq,
                             transfer.event.transfer_bytes);
    }
    return all;
  }
  std::vector<Item> items(int socket, ks_direction direction) {
    const auto found = transfers(socket, direction);
    return found.empty() ? std::vector<Item>{} : items(found, found.front().event.tcp_seq);
  }
};

std::string body_of(std::initializer_list<std::size_t> lengths) {
  std::string body;
  for (const std::size_t length : lengths) {
    body += message_prefix(static_cast<std::uint32_t>(length)) + std::string(length, 'm');
  }
  return body;
}

Conversation some_calls() {
  Conversation talk(Conversation::Side::kClient);
  talk.skipped(KS_HTTP2_TYPE_WINDOW_UPDATE, 0, 0, "0000");
  talk.headers(1, "some block", KS_HTTP2_END_HEADERS);
  talk.headers(3, "a block without end");
  talk.captured(KS_HTTP2_TYPE_CONTINUATION, KS_HTTP2_END_HEADERS, 3, "its end");
  talk.data(3, body_of({7}).substr(0, 3));
  talk.data(1, body_of({10, 0, 200}), true, 17);
  talk.data(3, body_of({7}).substr(3), true);
  talk.headers(5, "another", KS_HTTP2_END_HEADERS | KS_HTTP2_END_STREAM);
  talk.reset(5);
  return talk;
}

TEST_F(Http2Test, ItemsAreExactAtBothEndsWhereverTheFramesAreSplit) {
  const Conversation talk = some_calls();
  const std::string_view bytes = talk.bytes();
  for (std::size_t split = 3; split < bytes.size(); ++split) {
    SCOPED_TRACE(split);
    Connection connection = Connection::open();
    pass(connection.client, connection.server, bytes.substr(0, split));
    pass(connection.client, connection.server, bytes.substr(split));
    const auto sent = transfers(connection.client, KS_SEND);
    const auto received = transfers(connection.server, KS_RECV);
    ASSERT_FALSE(sent.empty() || received.empty());
    // A transfer that was no more than a part of the preface leaves no record.
    const std::uint32_t first =
        sent.front().event.tcp_seq -
        static_cast<std::uint32_t>(sent.front().has(KS_STREAM_START) ? 0 : split);
    ASSERT_THAT(items(sent, first), ElementsAreArray(talk.items()));
    ASSERT_THAT(items(received, first), ElementsAreArray(talk.items()));
    ASSERT_FALSE(is_anywhere("mmm"));
    SetUp();
  }
}

TEST_F(Http2Test, APrefaceThatComesByteByByte) {
  Connection connection = Connection::open();
  const Conversation talk = some_calls();
  say(connection.client, talk.bytes());
  for (std::size_t i = 0; i < talk.bytes().size(); ++i) hear(connection.server, 1);
  auto received = transfers(connection.server, KS_RECV);
  const std::uint32_t first = received.at(0).event.tcp_seq;
  // They could have been those of a POST or of a PROPFIND.
  EXPECT_EQ(received.at(0).bytes, "P");
  EXPECT_EQ(received.at(1).bytes, "R");
  received.erase(received.begin(), received.begin() + 2);
  EXPECT_THAT(items(received, first), ElementsAreArray(talk.items()));
}

TEST_F(Http2Test, SegmentsByTheHundred) {
  const Conversation talk = some_calls();
  for (const std::size_t size : {1u, 3u, 7u}) {
    Connection connection = Connection::open();
    std::string bytes = talk.bytes();
    std::vector<iovec> iov;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      iov.push_back({bytes.data() + at, std::min(size, bytes.size() - at)});
    }
    ASSERT_EQ(writev(connection.client, iov.data(), static_cast<int>(iov.size())),
              static_cast<ssize_t>(bytes.size()));
    EXPECT_THAT(items(connection.client, KS_SEND), ElementsAreArray(talk.items())) << iov.size();
  }
}

TEST_F(Http2Test, PayloadsBySendfileAreCounted) {
  Connection connection = Connection::open();
  const Conversation client = some_calls();
  pass(connection.client, connection.server, client.bytes());
  const std::string head = frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0) +
                           frame_header(1, KS_HTTP2_TYPE_HEADERS, KS_HTTP2_END_HEADERS, 1) + "h" +
                           frame_header(10005, KS_HTTP2_TYPE_DATA, KS_HTTP2_END_STREAM, 1) +
                           message_prefix(10000);
  FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const std::string content(10000, 'f');
  std::fwrite(content.data(), 1, content.size(), file);
  std::fflush(file);
  say(connection.server, head);
  off_t offset = 0;
  ASSERT_EQ(sendfile(connection.server, fileno(file), &offset, content.size()),
            static_cast<ssize_t>(content.size()));
  const std::string reset = frame_header(4, KS_HTTP2_TYPE_RST_STREAM, 0, 1) + "0000";
  say(connection.server, reset);
  std::fclose(file);
  EXPECT_THAT(
      items(connection.server, KS_SEND),
      ElementsAre(Item{0, KS_HTTP2_START, 0, ""}, Item{0, KS_HTTP2_FRAME, 0, head.substr(0, 9)},
                  Item{9, KS_HTTP2_FRAME, 0, head.substr(9, 10)}, message_item(28, 1, 10000),
                  data_item(19, 1, KS_HTTP2_DATA_END, 10005, 1),
                  Item{10033, KS_HTTP2_FRAME, 0, reset}));
}

TEST_F(Http2Test, AfterAnUpgrade) {
  Connection connection = Connection::open();
  const std::string upgrade =
      "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n";
  const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
  const Conversation client = some_calls();
  const std::string settings = frame_header(0, KS_HTTP2_TYPE_SETTINGS, 0, 0);
  pass(connection.client, connection.server, upgrade);
  pass(connection.server, connection.client, switching + settings);
  pass(connection.client, connection.server, client.bytes());
  const auto at = static_cast<std::int64_t>(switching.size());
  for (const auto& [socket, direction] :
       {std::pair{int{connection.server}, KS_SEND}, std::pair{int{connection.client}, KS_RECV}}) {
    EXPECT_EQ(transfers(socket, direction).at(0).bytes, switching);
    EXPECT_THAT(items(socket, direction), ElementsAre(Item{at, KS_HTTP2_START, 0, ""},
                                                      Item{at, KS_HTTP2_FRAME, 0, settings}));
  }
  for (const auto& [socket, direction] :
       {std::pair{int{connection.client}, KS_SEND}, std::pair{int{connection.server}, KS_RECV}}) {
    auto found = transfers(socket, direction);
    EXPECT_EQ(found.at(0).bytes, upgrade);
    found.erase(found.begin());
    EXPECT_THAT(items(found, found.at(0).event.tcp_seq), ElementsAreArray(client.items()));
  }
}

TEST_F(Http2Test, EndsAreSaid) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, some_calls().bytes());
  shutdown(connection.client, SHUT_WR);
  EXPECT_EQ(hear(connection.server, 1), "");
  const auto received = transfers(connection.server, KS_RECV);
  EXPECT_TRUE(received.back().has(KS_EOF) && received.back().has(KS_HTTP2));
  EXPECT_EQ(received.back().event.ordinal, received.size() - 1);
  const std::uint64_t cookie = cookie_of(connection.client);
  EXPECT_TRUE(eventually([&] { return !closes(cookie).empty(); }));
}

// A capture of its own, which sees only what comes now.
struct LateCapture final : RecordSink {
  explicit LateCapture(int socket) : cookie(cookie_of(socket)) {
    CaptureSettings settings;
    settings.agent_tgid = 0;
    if (const char* variant = std::getenv("KERNSPAN_CAPTURE_VARIANT")) settings.variant = variant;
    auto created = Capture::create(settings);
    if (created) capture = std::move(*created);
  }
  void on_record(std::string_view record) override {
    const auto event = decode_event(record);
    const auto* view = event ? std::get_if<TransferView>(&*event) : nullptr;
    if (view == nullptr || view->event->socket_cookie != cookie) return;
    transfers.push_back({*view->event, std::string(view->bytes), std::string(view->tail)});
  }

  std::uint64_t cookie;
  std::unique_ptr<Capture> capture;
  std::vector<Transfer> transfers;
};

TEST_F(Http2Test, ConnectionsOlderThanTheCaptureAreJoined) {
  Connection connection = Connection::open();
  const Conversation talk = some_calls();
  pass(connection.client, connection.server, talk.bytes());
  LateCapture late(connection.server);
  ASSERT_NE(late.capture, nullptr);
  pass(connection.client, connection.server, "the rest of something");
  const std::string headers =
      frame_header(5, KS_HTTP2_TYPE_HEADERS, KS_HTTP2_END_HEADERS, 7) + "block";
  const std::string call =
      headers + frame_header(7, KS_HTTP2_TYPE_DATA, KS_HTTP2_END_STREAM, 7) + body_of({2});
  pass(connection.client, connection.server, call);
  late.capture->drain(late);
  ASSERT_EQ(late.transfers.size(), 1u);
  EXPECT_TRUE(late.transfers[0].has(KS_MIDSTREAM));
  EXPECT_THAT(items(late.transfers, late.transfers[0].event.tcp_seq),
              ElementsAre(Item{0, KS_HTTP2_JOINED, 0, ""}, Item{0, KS_HTTP2_FRAME, 0, headers},
                          message_item(23, 7, 2), data_item(14, 7, KS_HTTP2_DATA_END, 7, 1)));
}

TEST_F(Http2Test, OtherUpgradesAreGivenUp) {
  Connection connection = Connection::open();
  pass(connection.client, connection.server, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
  pass(connection.server, connection.client,
       "HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x08greeting");
  const std::uint64_t before = counter(KS_COUNT_GIVEN_UP);
  pass(connection.client, connection.server, "\x81\x82mask..");
  EXPECT_EQ(counter(KS_COUNT_GIVEN_UP), before) << "that was seen by the server's first frame";
  for (const Transfer& transfer : transfers(connection.server, KS_SEND)) {
    EXPECT_FALSE(transfer.has(KS_HTTP2));
  }
}

}  // namespace
}  // namespace kernspan::probes
