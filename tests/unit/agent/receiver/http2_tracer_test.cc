// HTTP/2 exchanges other than gRPC's, and what connections go through.
#include "tests/unit/agent/receiver/http2_fixture.h"

namespace kernspan {
namespace {

std::map<std::string, std::string> status_by_path(const std::vector<SpanRecord>& spans) {
  std::map<std::string, std::string> found;
  for (const SpanRecord& span : spans) {
    found[span.attribute("url.path")] = span.attribute("http.response.status_code");
  }
  return found;
}

TEST_F(Http2TracerTest, RequestFollowsTheConventions) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/cart?token=secret"), true);
  up(pair);
  pair.down.headers(1, status("503")).body(1, 12).end(1);
  down(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.name, "GET");
    EXPECT_EQ(span.status_code, 2);
    const std::map<std::string, std::string> expected{
        {"http.request.method", "GET"},
        {"url.path", "/cart"},
        {"url.query", ""},
        {"url.scheme", "http"},
        {"server.address", "shop.example"},
        {"server.port", "50051"},
        {"network.protocol.version", "2"},
        {"http.response.status_code", "503"},
        {"http.request.body.size", ""},
        {"http.response.body.size", "12"},
        {"user_agent.original", "story/2"},
        {"url.full", span.kind == 3 ? "http://shop.example:50051/cart" : ""},
        {"kernspan.link.evidence", span.kind == 2 ? "wire" : ""},
        {"kernspan.partial", ""},
        {"error.type", "503"}};
    for (const auto& [key, value] : expected) EXPECT_EQ(span.attribute(key), value) << key;
  }
}

TEST_F(Http2TracerTest, InterleavedStreamsAreKeptApart) {
  Http2Pair pair = connect_http2();
  for (const std::uint32_t id : {1u, 3u, 5u, 7u}) {
    pair.up.headers(id, get("/" + std::to_string(id)), true);
  }
  to_server(pair);
  for (const std::uint32_t id : {5u, 1u, 7u, 3u}) {
    const StoryThread worker{.tgid = kServerThread.tgid, .tid = 910000 + id};
    story_->pass_ms(10);
    pair.down.headers(id, status("20" + std::to_string(id % 5)), true);
    from_server(pair, worker);
  }
  EXPECT_EQ(status_by_path(spans_after_wait()),
            (std::map<std::string, std::string>{
                {"/1", "201"}, {"/3", "203"}, {"/5", "200"}, {"/7", "202"}}));
}

// The reader of a connection hands its streams to others: nothing may be linked by its thread.
TEST_F(Http2TracerTest, CallsOfAThreadThatReadTwoStreamsAreNotLinked) {
  Http2Pair pair = connect_http2();
  auto [onward, onward_server] = story_->connect_pair(81);
  pair.up.headers(1, get("/a"), true).headers(3, get("/b"), true);
  to_server(pair);
  story_->send(onward, kServerThread, "GET /onward HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->recv(onward, kServerThread, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  pair.down.headers(3, status("200"), true).headers(1, status("200"), true);
  from_server(pair);
  for (const SpanRecord& span : spans_after_wait()) {
    EXPECT_FALSE(span.parent_span_id.is_valid()) << span.attribute("url.path");
  }
}

// It has served two at once: what it does after it has waited may be for neither.
TEST_F(Http2TracerTest, ThreadThatHasServedTwoStreamsAtOnceIsAnEventLoop) {
  Http2Pair pair = connect_http2();
  auto [onward, onward_server] = story_->connect_pair(81);
  StoryThread loop = kServerThread;
  pair.up.headers(1, get("/a"), true).headers(3, get("/b"), true);
  to_server(pair, loop);
  pair.down.headers(1, status("200"), true);
  from_server(pair, loop);
  ++loop.sleeps;
  story_->send(onward, loop, "GET /onward HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->recv(onward, loop, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  pair.down.headers(3, status("200"), true);
  from_server(pair, loop);
  for (const SpanRecord& span : spans_after_wait()) {
    EXPECT_EQ(span.attribute("kernspan.link.evidence"), "") << span.attribute("url.path");
  }
}

TEST_F(Http2TracerTest, ThreadThatServesOneStreamAtATimeIsLinked) {
  Http2Pair pair = connect_http2();
  auto [onward, onward_server] = story_->connect_pair(81);
  for (const std::uint32_t id : {1u, 3u}) {
    pair.up.headers(id, get("/in"), true);
    to_server(pair);
    story_->send(onward, kServerThread, "GET /onward HTTP/1.1\r\nHost: a\r\n\r\n");
    story_->recv(onward, kServerThread, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    pair.down.headers(id, status("200"), true);
    from_server(pair);
  }
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 4u);
  int linked = 0;
  for (const SpanRecord& span : all) linked += span.attribute("kernspan.link.evidence") == "thread";
  EXPECT_EQ(linked, 2);
}

// Streams that other threads answer than the one that reads them say nothing of the threads that serve HTTP/1.
TEST_F(Http2TracerTest, HandedOnStreamsDoNotTakeTheTrustFromHttp1) {
  Http2Pair pair = connect_http2();
  for (const std::uint32_t id : {1u, 3u, 5u}) {
    pair.up.headers(id, get("/handed-on"), true);
    to_server(pair);
    pair.down.headers(id, status("200"), true);
    from_server(pair, {.tgid = kServerThread.tgid, .tid = 910000 + id});
  }
  EXPECT_EQ(tracer_->linker().contexts().mispredictions(), 3u);
  auto [client, server] = story_->connect_pair();
  auto [onward, onward_server] = story_->connect_pair(81);
  constexpr std::string_view kGet = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
  constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const StoryThread worker{.tgid = kServerThread.tgid, .tid = 920000};
  story_->recv(server, worker, kGet);
  story_->send(onward, worker, kGet);
  story_->recv(onward, worker, kOk);
  story_->send(server, worker, kOk);
  int linked = 0;
  for (const SpanRecord& span : spans_after_wait()) {
    linked += span.attribute("kernspan.link.evidence") == "thread";
  }
  EXPECT_EQ(linked, 1);
}

TEST_F(Http2TracerTest, InterimResponsesComeBeforeTheResponse) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/hints"), true);
  to_server(pair);
  pair.down.headers(1, status("103"));
  from_server(pair);
  pair.down.headers(1, status("201")).body(1, 5).end(1);
  from_server(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "201");
}

TEST_F(Http2TracerTest, PushedStreamsAreIgnored) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/page"), true);
  from_client(pair);
  pair.down.headers(2, status("200")).body(2, 100).end(2).headers(1, status("200"), true);
  to_client(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("url.path"), "/page");
  EXPECT_EQ(http2().pushed, 1u);
}

TEST_F(Http2TracerTest, ResponseRecordedBeforeItsRequestIsItsAnswer) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/first"), true);
  from_client(pair);
  pair.up.headers(3, get("/late"), true);
  const auto late = pair.up.take();
  pair.down.headers(3, status("204"), true).headers(1, status("200"), true);
  to_client(pair, {.tgid = kClientThread.tgid, .tid = 900009});
  story_->send_http2(pair.client, kClientThread, late.first, late.second);
  EXPECT_EQ(status_by_path(spans_after_wait()),
            (std::map<std::string, std::string>{{"/first", "200"}, {"/late", "204"}}));
  EXPECT_EQ(http2().early_responses, 1u);
  EXPECT_EQ(conn().exchanges_opened, conn().exchanges_ended);
  EXPECT_EQ(tracer_->held(), 0u);
}

TEST_F(Http2TracerTest, ResponseToNoRequestIsForgotten) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/known"), true);
  from_client(pair);
  pair.down.headers(9, status("200"), true).headers(1, status("200"), true);
  to_client(pair);
  EXPECT_EQ(spans_after_wait().size(), 1u);
  EXPECT_EQ(conn().unmatched_responses, 1u);
}

TEST_F(Http2TracerTest, UpgradedRequestIsAnsweredAsStreamOne) {
  for (const bool server_side : {true, false}) {
    auto [client, server] = story_->connect_pair(8080);
    constexpr std::string_view kRequest =
        "GET /upgrade HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    constexpr std::string_view kSwitch =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    Http2Pair pair{.client = client, .server = server, .up = {}, .down = {}};
    if (server_side) {
      story_->recv(pair.server, kServerThread, kRequest);
      story_->send(pair.server, kServerThread, kSwitch);
    } else {
      story_->send(pair.client, kClientThread, kRequest);
      story_->recv(pair.client, kClientThread, kSwitch);
    }
    story_->pass_ms(20);
    pair.down.start().headers(1, status("202")).body(1, 30).end(1);
    server_side ? from_server(pair) : to_client(pair);
    pair.up.preface().headers(3, get("/next"), true);
    server_side ? to_server(pair) : from_client(pair);
    pair.down.headers(3, status("200"), true);
    server_side ? from_server(pair) : to_client(pair);
    const auto all = spans_after_wait();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].kind, server_side ? 2 : 3);
    EXPECT_EQ(all[0].attribute("url.path"), "/upgrade");
    EXPECT_EQ(all[0].attribute("http.response.status_code"), "202");
    EXPECT_EQ(all[0].attribute("network.protocol.version"), "2");
    EXPECT_EQ(all[0].attribute("http.response.body.size"), "30");
    EXPECT_GE(all[0].end_time_unix_ns - all[0].start_time_unix_ns, 20'000'000u);
    EXPECT_EQ(all[1].attribute("url.path"), "/next");
    EXPECT_EQ(all[1].attribute("http.response.status_code"), "200");
  }
  EXPECT_EQ(http2().upgrades, 2u);
  EXPECT_EQ(conn().exchanges_opened, conn().exchanges_ended);
}

TEST_F(Http2TracerTest, UpgradeThatNobodyGoesOnWithEndsWithItsConnection) {
  auto [client, server] = story_->connect_pair(8080);
  story_->recv(server, kServerThread,
               "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  story_->send(server, kServerThread,
               "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  story_->close(server);
  EXPECT_EQ(spans_after_wait().at(0).attribute("error.type"), "connection_closed");
  EXPECT_EQ(tracer_->connections(), 0u);
}

TEST_F(Http2TracerTest, CancelledRequestIsAnError) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/slow"), true);
  to_server(pair);
  pair.up.reset(1, 8);
  to_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("error.type"), "CANCEL");
  EXPECT_EQ(span.attribute("kernspan.http2.reset_by"), "client");
  EXPECT_EQ(span.attribute("http.response.status_code"), "");
  EXPECT_EQ(http2().resets, 1u);
}

TEST_F(Http2TracerTest, EndOfTheConnectionEndsWhatIsOpen) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/a"), true).headers(3, get("/b"), true);
  from_client(pair);
  story_->eof(pair.client, kClientThread);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.attribute("error.type"), "connection_closed");
  }
}

TEST_F(Http2TracerTest, AnswerMayBeReadAfterTheEndOfTheConnection) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/a"), true);
  from_client(pair);
  story_->close(pair.client);
  pair.down.headers(1, status("200"), true);
  to_client(pair);
  EXPECT_EQ(spans_after_wait().at(0).attribute("http.response.status_code"), "200");
  EXPECT_EQ(tracer_->connections(), 0u);
}

TEST_F(Http2TracerTest, JoinedClientLearnsItsRoleFromTheFields) {
  Http2Pair pair = join_http2(get("/old"), status("404"), {});
  pair.up.headers(11, get("/new"), true);
  from_client(pair);
  pair.down.headers(11, status("404"), true);
  to_client(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.kind, 3);
  EXPECT_EQ(span.attribute("url.path"), "/new");
  EXPECT_EQ(span.attribute("kernspan.partial"), "fields_unknown");
  EXPECT_EQ(span.attribute("user_agent.original"), "");
}

TEST_F(Http2TracerTest, StreamsBeyondTheBoundAreCounted) {
  Http2Pair pair = connect_http2();
  constexpr std::uint32_t kStreams = 5000;
  for (std::uint32_t i = 0; i < kStreams; ++i) {
    pair.up.headers(2 * i + 1, get("/flood"), true);
    if (i % 50 == 49) to_server(pair);
  }
  EXPECT_EQ(conn().exchanges_opened, 4096u);
  EXPECT_EQ(conn().stream_limit, kStreams - 4096u);
  story_->close(pair.server);
  EXPECT_EQ(spans_after_wait().size(), 4096u);
  EXPECT_EQ(tracer_->held(), 0u);
}

TEST_F(Http2TracerTest, RapidResetsLeaveNothingBehind) {
  Http2Pair pair = connect_http2();
  for (std::uint32_t id = 1; id < 4000; id += 2) {
    pair.up.headers(id, get("/reset"), true).reset(id, 8);
    if (id % 100 == 99) to_server(pair);
  }
  to_server(pair);
  EXPECT_EQ(spans_after_wait().size(), 2000u);
  EXPECT_EQ(conn().stream_limit, 0u);
  EXPECT_EQ(tracer_->held(), 0u);
}

TEST_F(Http2TracerTest, ConnectOpensATunnelAndEndsThere) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, {{":method", "CONNECT"}, {":authority", "far.example:443"}});
  to_server(pair);
  pair.down.headers(1, status("200"));
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "CONNECT");
  EXPECT_EQ(span.attribute("server.address"), "far.example");
  EXPECT_EQ(span.attribute("http.response.status_code"), "200");
}

TEST_F(Http2TracerTest, ShutdownEndsStreamsAsPartial) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, get("/open"), true);
  to_server(pair);
  const auto all = finish();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("kernspan.partial"), "shutdown");
  EXPECT_EQ(tracer_->held(), 0u);
}

}  // namespace
}  // namespace kernspan
