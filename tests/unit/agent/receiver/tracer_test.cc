#include <map>

#include "tests/unit/agent/receiver/http1_messages.h"
#include "tests/unit/agent/receiver/tracer_fixture.h"

namespace kernspan {
namespace {

TEST_F(TracerTest, OneRequestSeenAtBothEndsIsTwoLinkedSpans) {
  tracer_->flush(0, wall_offset_ns_, encoder_);
  auto [client, server] = story_->connect_pair(8080);
  story_->send(client, kClientThread, kGet);
  story_->recv(server, kServerThread, kGet);
  story_->pass_ms(7);
  story_->send(server, kServerThread, kOk);
  story_->recv(client, kClientThread, kOk);
  EXPECT_TRUE(spans().empty()) << "the other end may still come";
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  const SpanRecord& server_span = all[0].kind == 2 ? all[0] : all[1];
  const SpanRecord& client_span = all[0].kind == 2 ? all[1] : all[0];
  EXPECT_EQ(server_span.parent_span_id, client_span.span_id);
  EXPECT_EQ(server_span.trace_id, client_span.trace_id);
  EXPECT_FALSE(client_span.parent_span_id.is_valid());
  EXPECT_EQ(server_span.attribute("kernspan.link.evidence"), "wire");
  EXPECT_LE(client_span.start_time_unix_ns, server_span.start_time_unix_ns);
  EXPECT_GE(client_span.end_time_unix_ns, server_span.end_time_unix_ns);
  EXPECT_GE(server_span.end_time_unix_ns - server_span.start_time_unix_ns, 7'000'000u);
  EXPECT_EQ(client_span.start_time_unix_ns, 1'700'000'001'000'001'000u);
}

TEST_F(TracerTest, ServerSpanFollowsTheConventions) {
  auto [client, server] = story_->connect_pair(8080);
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, "HTTP/1.1 503 No\r\nContent-Length: 12\r\n\r\n", 12);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  const SpanRecord& span = all[0];
  EXPECT_EQ(span.name, "GET");
  EXPECT_EQ(span.kind, 2);
  EXPECT_EQ(span.status_code, 2);
  const std::map<std::string, std::string> expected{{"http.request.method", "GET"},
                                                    {"url.path", "/cart"},
                                                    {"url.query", ""},
                                                    {"url.scheme", "http"},
                                                    {"server.address", "shop.example"},
                                                    {"server.port", "8080"},
                                                    {"client.address", "192.0.2.1"},
                                                    {"network.peer.address", "192.0.2.1"},
                                                    {"network.protocol.version", "1.1"},
                                                    {"http.response.status_code", "503"},
                                                    {"http.response.body.size", "12"},
                                                    {"user_agent.original", "story/1"},
                                                    {"error.type", "503"}};
  for (const auto& [key, value] : expected) EXPECT_EQ(span.attribute(key), value) << key;
}

TEST_F(TracerTest, ClientSpanCountsA404AsAnErrorAServerDoesNot) {
  auto [client, server] = story_->connect_pair(8080);
  story_->send(client, kClientThread, kGet);
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kNotFound);
  story_->recv(client, kClientThread, kNotFound);
  for (const SpanRecord& span : spans_after_wait()) {
    EXPECT_EQ(span.status_code, span.kind == 3 ? 2 : 0);
    EXPECT_EQ(span.attribute("error.type"), span.kind == 3 ? "404" : "");
    if (span.kind == 3) {
      EXPECT_EQ(span.attribute("url.full"), "http://shop.example:8080/cart");
    }
  }
}

TEST_F(TracerTest, QueryIsThereOnlyWhenAllowed) {
  TracerSettings settings;
  settings.spans.url_query = true;
  remake(settings);
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kOk);
  EXPECT_EQ(spans_after_wait().at(0).attribute("url.query"), "token=secret");
}

TEST_F(TracerTest, UnknownMethodIsOtherAndKeepsItsOriginal) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, "PURGE /x HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->send(server, kServerThread, kOk);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "HTTP");
  EXPECT_EQ(span.attribute("http.request.method"), "_OTHER");
  EXPECT_EQ(span.attribute("http.request.method_original"), "PURGE");
}

TEST_F(TracerTest, ChainThroughAThreadIsOneTrace) {
  auto [client, server] = story_->connect_pair();
  auto [onward_client, onward_server] = story_->connect_pair(81);
  const StoryThread third{.tgid = 900003, .tid = 900003};
  StoryThread middle = kServerThread;
  story_->send(client, kClientThread, kGet);
  story_->recv(server, middle, kGet);
  ++middle.sleeps;
  story_->connect(onward_client, middle);
  ++middle.sleeps;
  story_->send(onward_client, middle, kGet);
  story_->recv(onward_server, third, kGet);
  story_->send(onward_server, third, kOk);
  story_->recv(onward_client, middle, kOk);
  story_->send(server, middle, kOk);
  story_->recv(client, kClientThread, kOk);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 4u);
  std::map<std::string, int> evidence;
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.trace_id, all[0].trace_id);
    ++evidence[span.attribute("kernspan.link.evidence")];
  }
  EXPECT_EQ(evidence, (std::map<std::string, int>{{"", 1}, {"wire", 2}, {"thread", 1}}));
}

TEST_F(TracerTest, BodiesThatAreNotSeenEndByCounting) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread,
               "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", 1000);
  story_->recv(server, kServerThread, {}, 4000);
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", 20000);
  story_->pass_ms(50);
  EventStory::unseen_send(server, 70000);
  story_->send(server, kServerThread, {}, 10000);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("http.request.body.size"), "5000");
  EXPECT_EQ(span.attribute("http.response.body.size"), "100000");
  EXPECT_GE(span.end_time_unix_ns - span.start_time_unix_ns, 50'000'000u);
}

TEST_F(TracerTest, ChunkedBodyEndsWithItsTail) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  story_->pass_ms(20);
  story_->send(server, kServerThread, {}, 500, "and so on");
  story_->pass_ms(20);
  story_->send(server, kServerThread, {}, 500, "x\r\n0\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_GE(all[0].end_time_unix_ns - all[0].start_time_unix_ns, 40'000'000u);
  EXPECT_EQ(all[0].status_code, 0);
}

TEST_F(TracerTest, InterimResponseIsNotTheResponse) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread,
               "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n");
  story_->send(server, kServerThread, "HTTP/1.1 100 Continue\r\n\r\n");
  story_->recv(server, kServerThread, {}, 10);
  story_->send(server, kServerThread, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "201");
}

TEST_F(TracerTest, AnswersToHeadHaveNoBody) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n");
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "200");
  EXPECT_EQ(all[1].attribute("http.response.status_code"), "404");
}

TEST_F(TracerTest, PipelinedRequestsGetTheirOwnResponses) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread,
               "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->send(server, kServerThread, kOk);
  story_->send(server, kServerThread, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].attribute("url.path"), "/1");
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "200");
  EXPECT_EQ(all[1].attribute("url.path"), "/2");
  EXPECT_EQ(all[1].attribute("http.response.status_code"), "404");
}

TEST_F(TracerTest, UpgradeHandsTheConnectionOff) {
  auto [client, server] = story_->connect_pair();
  story_->recv(
      server, kServerThread,
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  story_->send(
      server, kServerThread,
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  story_->recv(server, kServerThread, "GET /not-a-request HTTP/1.1\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "101");
  EXPECT_EQ(conn().handed_off, 1u);
}

TEST_F(TracerTest, WebSocketEndsItsSpanWhenItIsAccepted) {
  auto [client, server] = story_->connect_pair();
  constexpr std::string_view kSwitch =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  story_->send(
      client, kClientThread,
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  story_->pass_ms(10);
  story_->recv(client, kClientThread, kSwitch, 30);  // and the first frame
  story_->pass_ms(60'000);
  story_->send(client, kClientThread, {}, 200);
  story_->close(client);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "101");
  EXPECT_EQ(all[0].attribute("error.type"), "");
  EXPECT_LT(all[0].end_time_unix_ns - all[0].start_time_unix_ns, 20'000'000u);
}

// Server-Sent Events last until one side has had enough.
TEST_F(TracerTest, EventStreamEndsWithItsConnectionAndThatIsNoError) {
  for (const bool server_side : {true, false}) {
    auto [client, server] = story_->connect_pair();
    constexpr std::string_view kEvents =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    StorySocket& end = server_side ? server : client;
    server_side ? story_->recv(end, kServerThread, kGet) : story_->send(end, kClientThread, kGet);
    server_side ? story_->send(end, kServerThread, kEvents)
                : story_->recv(end, kClientThread, kEvents);
    for (int minute = 0; minute < 7; ++minute) {
      story_->pass_ms(60'000);
      server_side ? story_->send(end, kServerThread, {}, 40, "tick\n\n\r\n")
                  : story_->recv(end, kClientThread, {}, 40, "tick\n\n\r\n");
      EXPECT_TRUE(spans().empty());
    }
    server_side ? story_->close(end) : story_->eof(end, kClientThread);
    const SpanRecord span = spans_after_wait().at(0);
    EXPECT_EQ(span.attribute("error.type"), "");
    EXPECT_EQ(span.status_code, 0);
    EXPECT_EQ(span.attribute("kernspan.partial"), "");
    EXPECT_GE(span.end_time_unix_ns - span.start_time_unix_ns, 420'000'000'000u);
  }
}

TEST_F(TracerTest, EventStreamEndsWithItsLastChunk) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread,
               "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               "Transfer-Encoding: chunked\r\n\r\n");
  story_->pass_ms(30);
  story_->send(server, kServerThread, {}, 40, "x\r\n0\r\n\r\n");
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kOk);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_GE(all[0].end_time_unix_ns - all[0].start_time_unix_ns, 30'000'000u);
}

TEST_F(TracerTest, ChunkedBodyThatIsCutOffIsAnErrorAllTheSame) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  story_->send(server, kServerThread, {}, 40, "tick\n\n\r\n");
  story_->close(server);
  EXPECT_EQ(spans_after_wait().at(0).attribute("error.type"), "connection_closed");
}

TEST_F(TracerTest, ResetBeforeTheResponseIsAnError) {
  auto [client, server] = story_->connect_pair();
  story_->send(client, kClientThread, kGet);
  story_->close(client, KS_CLOSE_FINAL, ECONNRESET);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.status_code, 2);
  EXPECT_EQ(span.attribute("error.type"), "ECONNRESET");
  EXPECT_EQ(span.attribute("http.response.status_code"), "");
}

TEST_F(TracerTest, EndOfStreamBeforeTheResponseIsAnErrorForTheClient) {
  auto [client, server] = story_->connect_pair();
  story_->send(client, kClientThread, kGet);
  story_->eof(client, kClientThread);
  EXPECT_EQ(spans_after_wait().at(0).attribute("error.type"), "connection_closed");
}

TEST_F(TracerTest, EndOfStreamEndsABodyWithoutALength) {
  auto [client, server] = story_->connect_pair();
  story_->send(client, kClientThread, "GET / HTTP/1.0\r\n\r\n");
  story_->recv(client, kClientThread, "HTTP/1.0 200 OK\r\n\r\n", 400);
  story_->pass_ms(30);
  story_->recv(client, kClientThread, {}, 600);
  story_->eof(client, kClientThread);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("error.type"), "");
  EXPECT_EQ(span.attribute("http.response.body.size"), "1000");
  EXPECT_EQ(span.attribute("network.protocol.version"), "1.0");
}

TEST_F(TracerTest, ServerThatClosesEndsABodyWithoutALength) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, "GET / HTTP/1.0\r\n\r\n");
  story_->send(server, kServerThread, "HTTP/1.0 200 OK\r\n\r\n", 400);
  story_->close(server, KS_CLOSE_WRITE);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("error.type"), "");
  EXPECT_EQ(span.attribute("http.response.body.size"), "400");
}

TEST_F(TracerTest, RequestWithoutAnEndTimesOut) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->pass_ms(301'000);
  EXPECT_TRUE(spans().empty());
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("error.type"), "timeout");
  EXPECT_EQ(span.attribute("kernspan.partial"), "timeout");
}

TEST_F(TracerTest, HeadInPiecesIsOneRequest) {
  auto [client, server] = story_->connect_pair();
  for (const char byte : kGet) story_->recv(server, kServerThread, std::string_view(&byte, 1));
  for (const char byte : kOk) story_->send(server, kServerThread, std::string_view(&byte, 1));
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("url.path"), "/cart");
  EXPECT_EQ(span.attribute("http.response.status_code"), "200");
}

TEST_F(TracerTest, ShutdownWritesWhatIsOpenAsPartial) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  const auto all = finish();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("kernspan.partial"), "shutdown");
  EXPECT_EQ(tracer_->held(), 0u);
}

TEST_F(TracerTest, WhatIsOpenOnAConnectionThatIsShedIsPartial) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->shed(server, kServerThread, 1);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("kernspan.partial"), "shed");
  EXPECT_EQ(conn().partial_shed, 1u);
  EXPECT_EQ(tracer_->counters().shed_connections, 1u);
  EXPECT_EQ(tracer_->connections(), 0u);
  // The same connection, taken back in the middle of the answer that nobody waits for.
  story_->unseen_recv(server, 5000);
  story_->extra_flags = KS_MIDSTREAM;
  story_->send(server, kServerThread, kOk);
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kOk);
  const auto all = finish();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("kernspan.partial"), "");
  EXPECT_EQ(all[0].attribute("sampling.adjusted_count"), "");
}

TEST_F(TracerTest, ConnectionsThatWereNeverFollowedAreOnlyCountedWhenTheyAreShed) {
  auto [client, server] = story_->connect_pair();
  story_->shed(client, kClientThread, 3);
  story_->shed(server, kServerThread, 3);
  EXPECT_TRUE(finish().empty());
  EXPECT_EQ(tracer_->counters().shed_connections, 2u);
  EXPECT_EQ(conn().exchanges_opened, 0u);
}

TEST_F(TracerTest, SpansOfWhatIsKeptSayForHowManyTheyStand) {
  auto [client, server] = story_->connect_pair();
  story_->extra_flags = 3 << KS_SHED_STEP_SHIFT;
  story_->recv(server, kServerThread, kGet);
  // What counts is when the request began.
  story_->extra_flags = 5 << KS_SHED_STEP_SHIFT;
  story_->send(server, kServerThread, kOk);
  EXPECT_EQ(spans_after_wait().at(0).attribute("sampling.adjusted_count"), "8");
}

TEST_F(TracerTest, BooksBalanceWhenThePoolIsFull) {
  TracerSettings settings;
  settings.exchanges_max = 4;
  remake(settings);
  for (int i = 0; i < 20; ++i) {
    auto [client, server] = story_->connect_pair();
    story_->recv(server, kServerThread, kGet);
  }
  EXPECT_EQ(conn().exchange_limit, 16u);
  EXPECT_EQ(finish().size(), 4u);
  EXPECT_EQ(conn().exchanges_opened, tracer_->counters().spans);
}

TEST_F(TracerTest, ConnectionsAreBounded) {
  TracerSettings settings;
  settings.connections_max = 3;
  remake(settings);
  for (int i = 0; i < 10; ++i) {
    auto [client, server] = story_->connect_pair();
    story_->recv(server, kServerThread, kGet);
  }
  EXPECT_EQ(tracer_->connections(), 3u);
  EXPECT_EQ(conn().partial_evicted, 7u);
  EXPECT_EQ(finish().size(), 10u);
}

TEST_F(TracerTest, ResponseFromAnotherThreadTakesTheGuessBack) {
  auto [client, server] = story_->connect_pair();
  auto [onward_client, onward_server] = story_->connect_pair(81);
  const StoryThread worker{.tgid = kServerThread.tgid, .tid = 900055};
  story_->recv(server, kServerThread, kGet);
  story_->send(onward_client, kServerThread, kGet);
  story_->recv(onward_client, kServerThread, kOk);
  EXPECT_TRUE(spans().empty());
  story_->pass_ms(500);
  EXPECT_TRUE(spans().empty()) << "the link waits for its parent's response";
  story_->send(server, worker, kOk);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_NE(all[0].trace_id, all[1].trace_id);
}

TEST_F(TracerTest, HeaderContextIsTheTrace) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread,
               "GET / HTTP/1.1\r\nHost: a\r\n"
               "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
               "tracestate: vendor=1\r\n\r\n");
  story_->send(server, kServerThread, kOk);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.trace_id.hex(), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(span.parent_span_id.hex(), "b7ad6b7169203331");
  EXPECT_EQ(span.trace_state, "vendor=1");
  EXPECT_EQ(span.attribute("kernspan.link.evidence"), "traceparent");
}

TEST_F(TracerTest, StreamThatKeepsFlowingDoesNotTimeOut) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kChunked);
  for (int minute = 0; minute < 10; ++minute) {
    story_->pass_ms(60'000);
    story_->send(server, kServerThread, {}, 500, "and so on");
    EXPECT_TRUE(spans().empty());
  }
  story_->send(server, kServerThread, {}, 500, "x\r\n0\r\n\r\n");
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("error.type"), "");
  EXPECT_GE(span.end_time_unix_ns - span.start_time_unix_ns, 600'000'000'000u);
}

TEST_F(TracerTest, HalfClosedClientReadsItsAnswerAfterTheConnectionIsOver) {
  auto [client, server] = story_->connect_pair();
  story_->send(client, kClientThread, kGet);
  story_->close(client, KS_CLOSE_WRITE);
  story_->close(client);  // the server's FIN has come, and the answer before it
  story_->pass_ms(300);
  story_->recv(client, kClientThread, kNotFound);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "404");
  EXPECT_EQ(tracer_->connections(), 0u);
}

TEST_F(TracerTest, ClientThatGaveUpDoesNotShortenTheServersSpan) {
  auto [client, server] = story_->connect_pair();
  story_->send(client, kClientThread, kGet);
  story_->recv(server, kServerThread, kGet);
  story_->pass_ms(100);
  story_->close(client);
  story_->pass_ms(900);
  story_->send(server, kServerThread, kOk);
  story_->pass_ms(5000);
  auto all = spans();
  EXPECT_EQ(tracer_->connections(), 1u);
  for (const SpanRecord& span : spans_after_wait()) all.push_back(span);
  ASSERT_EQ(all.size(), 2u);
  const SpanRecord& span = all[0].kind == 2 ? all[0] : all[1];
  const SpanRecord& client_span = all[0].kind == 2 ? all[1] : all[0];
  EXPECT_EQ(client_span.attribute("error.type"), "connection_closed");
  EXPECT_LT(client_span.end_time_unix_ns - client_span.start_time_unix_ns, 200'000'000u);
  EXPECT_GE(span.end_time_unix_ns - span.start_time_unix_ns, 1'000'000'000u);
}

// Threads that only ever read one answer must not keep what they read it for.
TEST_F(TracerTest, ThreadsThatReadAnswersOnceDoNotFillThePool) {
  TracerSettings settings;
  settings.exchanges_max = 256;
  remake(settings);
  auto [client, server] = story_->connect_pair();
  for (std::uint32_t i = 0; i < 1000; ++i) {
    auto [onward, onward_server] = story_->connect_pair(81);
    const StoryThread reader{.tgid = kServerThread.tgid, .tid = 910000 + i};
    story_->recv(server, kServerThread, kGet);
    story_->send(onward, kServerThread, kGet);
    story_->recv(onward, reader, kOk);
    story_->close(onward);
    story_->send(server, kServerThread, kOk);
    if (i % 50 == 49) spans_after_wait();
  }
  EXPECT_EQ(conn().exchange_limit, 0u);
}

// Its exit record was lost; the number is given to another program.
TEST_F(TracerTest, ForkWithTheNumberOfAnIgnoredProcessIsTraced) {
  TracerSettings settings;
  settings.policy.include_executables = {"traced*"};
  remake(settings);
  const auto exec = [this](std::string_view path) {
    ks_exec_event event{};
    event.header = {.ts_ns = ++story_->now_ns, .kind = KS_EVENT_EXEC, .size = sizeof event};
    event.tgid = kServerThread.tgid;
    event.args_bytes = static_cast<ks_u32>(path.size());
    std::copy(path.begin(), path.end(), event.args);
    std::copy(path.begin() + 1, path.end(), event.comm);
    tracer_->on_exec(event);
  };
  exec("/other");
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  ASSERT_TRUE(ignored_[kServerThread.tgid]);
  ks_fork_event fork{};
  fork.header = {.ts_ns = ++story_->now_ns, .kind = KS_EVENT_FORK, .size = sizeof fork};
  fork.tgid = kServerThread.tgid;
  fork.parent_tgid = kClientThread.tgid;
  tracer_->on_fork(fork);
  EXPECT_FALSE(ignored_[kServerThread.tgid]);
}

// A program that has said nothing for a while costs no memory, whether it has ended or not.
TEST_F(TracerTest, ResourcesOfProgramsThatAreSilentAreForgotten) {
  auto [client, server] = story_->connect_pair();
  const auto exchange = [&] {
    story_->recv(server, kServerThread, kGet);
    story_->send(server, kServerThread, kOk);
    story_->pass_ms(1000);
    return spans().size();
  };
  EXPECT_EQ(exchange(), 1u);
  EXPECT_EQ(tracer_->resources(), 1u);
  story_->pass_ms(8000);
  spans();
  EXPECT_EQ(tracer_->resources(), 1u);
  story_->pass_ms(2000);
  spans();
  EXPECT_EQ(tracer_->resources(), 0u);
  EXPECT_EQ(exchange(), 1u);
  EXPECT_EQ(tracer_->resources(), 1u);
}

}  // namespace
}  // namespace kernspan
