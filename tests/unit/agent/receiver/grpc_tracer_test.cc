// gRPC calls over HTTP/2, from the kernel side's items to spans.
#include "tests/unit/agent/receiver/http2_fixture.h"

namespace kernspan {
namespace {

constexpr std::uint32_t kRefusedStream = 7, kCancel = 8, kEnhanceYourCalm = 11;

class GrpcTracerTest : public Http2TracerTest {
 protected:
  // A unary call of the server's end, with this answer behind its headers.
  SpanRecord unary_with_status(std::string code) {
    Http2Pair pair = connect_http2();
    pair.up.headers(1, call("Add")).message(1, 20).end(1);
    to_server(pair);
    pair.down.headers(1, grpc_ok()).trailers(1, grpc_status(std::move(code)));
    from_server(pair);
    return spans_after_wait().at(0);
  }
  static void expect(const SpanRecord& span, const std::map<std::string, std::string>& expected) {
    for (const auto& [key, value] : expected) EXPECT_EQ(span.attribute(key), value) << key;
  }
};

TEST_F(GrpcTracerTest, UnaryCallSeenAtBothEndsIsTwoLinkedSpans) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Add", {{"grpc-timeout", "1500m"}})).message(1, 20).end(1);
  up(pair);
  story_->pass_ms(5);
  pair.down.headers(1, grpc_ok()).message(1, 300).trailers(1, {{"grpc-status", "0"}});
  down(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  const SpanRecord& server = all[0].kind == 2 ? all[0] : all[1];
  const SpanRecord& client = all[0].kind == 2 ? all[1] : all[0];
  EXPECT_EQ(client.kind, 3);
  EXPECT_EQ(server.parent_span_id, client.span_id);
  EXPECT_EQ(server.attribute("kernspan.link.evidence"), "wire");
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.name, "shop.Cart/Add");
    EXPECT_EQ(span.status_code, 0);
    EXPECT_GE(span.end_time_unix_ns - span.start_time_unix_ns, 5'000'000u);
    expect(span, {{"rpc.system", "grpc"},
                  {"rpc.service", "shop.Cart"},
                  {"rpc.method", "Add"},
                  {"rpc.grpc.status_code", "0"},
                  {"kernspan.rpc.status_derived", ""},
                  {"kernspan.rpc.timeout_ms", "1500"},
                  {"server.address", "cart.example"},
                  {"server.port", "50051"},
                  {"network.protocol.name", "http"},
                  {"network.protocol.version", "2"},
                  {"user_agent.original", "grpc-story/1.0"},
                  {"http.request.method", ""},
                  {"error.type", ""},
                  {"kernspan.partial", ""}});
  }
  expect(client, {{"kernspan.rpc.messages.sent", "1"},
                  {"kernspan.rpc.messages.received", "1"},
                  {"kernspan.rpc.message_bytes.sent", "20"},
                  {"kernspan.rpc.message_bytes.received", "300"},
                  {"client.address", ""},
                  {"network.peer.address", "192.0.2.2"}});
  expect(server, {{"kernspan.rpc.message_bytes.sent", "300"},
                  {"kernspan.rpc.message_bytes.received", "20"},
                  {"client.address", "192.0.2.1"},
                  {"network.peer.address", "192.0.2.1"}});
}

TEST_F(GrpcTracerTest, StreamsOfManyMessagesAreCountedInBothDirections) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Talk"));
  to_server(pair);
  pair.down.headers(1, grpc_ok());
  from_server(pair);
  for (std::uint32_t i = 1; i <= 10; ++i) {
    story_->pass_ms(60'000);
    pair.up.message(1, i);
    to_server(pair);
    pair.down.message(1, 100).message(1, 0);
    from_server(pair);
  }
  pair.up.end(1);
  to_server(pair);
  pair.down.trailers(1, {{"grpc-status", "0"}});
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  expect(span, {{"kernspan.rpc.messages.received", "10"},
                {"kernspan.rpc.message_bytes.received", "55"},
                {"kernspan.rpc.messages.sent", "20"},
                {"kernspan.rpc.message_bytes.sent", "1000"},
                {"kernspan.partial", ""}});
  EXPECT_GE(span.end_time_unix_ns - span.start_time_unix_ns, 600'000'000'000u);
}

TEST_F(GrpcTracerTest, ClientStreamEndsWithItsAnswer) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Upload"));
  for (int i = 0; i < 5; ++i) pair.up.message(1, 1000);
  from_client(pair);
  pair.up.end(1);
  from_client(pair);
  pair.down.headers(1, grpc_ok()).message(1, 4).trailers(1, {{"grpc-status", "0"}});
  to_client(pair);
  expect(spans_after_wait().at(0),
         {{"kernspan.rpc.messages.sent", "5"}, {"kernspan.rpc.messages.received", "1"}});
}

TEST_F(GrpcTracerTest, TrailersOnly) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Missing")).message(1, 1).end(1);
  to_server(pair);
  HeaderFields fields = grpc_ok();
  fields.emplace_back("grpc-status", "12");
  fields.emplace_back("grpc-message", "unknown method for card 1234");
  pair.down.headers(1, fields, true);
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  expect(span, {{"rpc.grpc.status_code", "12"},
                {"error.type", "UNIMPLEMENTED"},
                {"kernspan.rpc.messages.sent", "0"},
                {"kernspan.rpc.status_derived", ""}});
  EXPECT_EQ(span.status_code, 2);
  for (const auto& attribute : span.attributes) {
    EXPECT_EQ(otlp::to_text(attribute.value).find("1234"), std::string::npos) << attribute.key;
  }
}

TEST_F(GrpcTracerTest, WhatIsAnErrorDependsOnTheSide) {
  for (const auto& [code, is_server_error] : {std::pair<const char*, bool>{"0", false},
                                              {"1", false},
                                              {"2", true},
                                              {"3", false},
                                              {"4", true},
                                              {"5", false},
                                              {"7", false},
                                              {"8", false},
                                              {"12", true},
                                              {"13", true},
                                              {"14", true},
                                              {"15", true},
                                              {"16", false}}) {
    EXPECT_EQ(unary_with_status(code).status_code, is_server_error ? 2 : 0) << code;
    Http2Pair pair = connect_http2();
    pair.up.headers(1, call("Add")).end(1);
    from_client(pair);
    pair.down.headers(1, grpc_ok()).trailers(1, grpc_status(code));
    to_client(pair);
    EXPECT_EQ(spans_after_wait().at(0).status_code, std::string_view(code) == "0" ? 0 : 2) << code;
  }
}

TEST_F(GrpcTracerTest, CancelledByTheClient) {
  for (const bool server_side : {true, false}) {
    Http2Pair pair = connect_http2();
    pair.up.headers(1, call("Watch", {{"grpc-timeout", "10S"}})).end(1);
    server_side ? to_server(pair) : from_client(pair);
    story_->pass_ms(50);
    pair.up.reset(1, kCancel);
    server_side ? to_server(pair) : from_client(pair);
    const SpanRecord span = spans_after_wait().at(0);
    expect(span, {{"rpc.grpc.status_code", "1"},
                  {"kernspan.rpc.status_derived", "true"},
                  {"kernspan.http2.reset", "CANCEL"},
                  {"kernspan.http2.reset_by", "client"},
                  {"error.type", server_side ? "" : "CANCEL"}});
    EXPECT_EQ(span.status_code, server_side ? 0 : 2);
  }
}

TEST_F(GrpcTracerTest, CancelAfterTheDeadlineIsTheDeadline) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Slow", {{"grpc-timeout", "100m"}})).end(1);
  from_client(pair);
  story_->pass_ms(100);
  pair.up.reset(1, kCancel);
  from_client(pair);
  expect(spans_after_wait().at(0),
         {{"rpc.grpc.status_code", "4"}, {"kernspan.rpc.status_derived", "true"}});
}

TEST_F(GrpcTracerTest, ResetsOfTheServerAreMapped) {
  for (const auto& [code, status, name] :
       {std::tuple<std::uint32_t, const char*, const char*>{kRefusedStream, "14", "REFUSED_STREAM"},
        {kEnhanceYourCalm, "8", "ENHANCE_YOUR_CALM"},
        {2, "13", "INTERNAL_ERROR"},
        {0, "13", "NO_ERROR"},
        {999, "13", "UNKNOWN_ERROR_CODE"}}) {
    Http2Pair pair = connect_http2();
    pair.up.headers(1, call("Add")).end(1);
    from_client(pair);
    pair.down.reset(1, code);
    to_client(pair);
    const SpanRecord span = spans_after_wait().at(0);
    expect(span, {{"rpc.grpc.status_code", status},
                  {"kernspan.rpc.status_derived", "true"},
                  {"error.type", name},
                  {"kernspan.http2.reset_by", "server"}});
    EXPECT_EQ(span.status_code, 2);
  }
}

TEST_F(GrpcTracerTest, ResetBehindACompleteAnswerChangesNothing) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Early")).message(1, 5);
  from_client(pair);
  pair.down.headers(1, grpc_ok()).trailers(1, {{"grpc-status", "0"}}).reset(1, 0);
  to_client(pair);
  pair.up.reset(1, kCancel);
  from_client(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  expect(all[0], {{"rpc.grpc.status_code", "0"}, {"error.type", ""}, {"kernspan.http2.reset", ""}});
}

TEST_F(GrpcTracerTest, AnswerWithoutAStatusIsWhatItsHttpStatusSays) {
  for (const auto& [http, grpc] : {std::pair<const char*, const char*>{"200", "2"},
                                   {"401", "16"},
                                   {"404", "12"},
                                   {"503", "14"},
                                   {"418", "2"}}) {
    Http2Pair pair = connect_http2();
    pair.up.headers(1, call("Add")).end(1);
    from_client(pair);
    pair.down.headers(1, status(http), true);
    to_client(pair);
    expect(spans_after_wait().at(0),
           {{"rpc.grpc.status_code", grpc},
            {"kernspan.rpc.status_derived", "true"},
            {"http.response.status_code", std::string_view(http) == "200" ? "" : http}});
  }
}

TEST_F(GrpcTracerTest, LostConnectionIsUnavailableToTheClientAndACancelToTheServer) {
  for (const bool server_side : {true, false}) {
    Http2Pair pair = connect_http2();
    pair.up.headers(1, call("Add")).end(1);
    server_side ? to_server(pair) : from_client(pair);
    story_->close(server_side ? pair.server : pair.client, KS_CLOSE_FINAL, ECONNRESET);
    const SpanRecord span = spans_after_wait().at(0);
    expect(span, {{"rpc.grpc.status_code", server_side ? "1" : "14"},
                  {"error.type", server_side ? "" : "ECONNRESET"}});
  }
}

TEST_F(GrpcTracerTest, ClientThatClosesItsConnectionHasCancelled) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Add")).end(1);
  from_client(pair);
  story_->close(pair.client, KS_CLOSE_WRITE);
  story_->close(pair.client);
  EXPECT_TRUE(spans_after_wait().empty()) << "an answer may still be read";
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  expect(all[0], {{"rpc.grpc.status_code", "1"}, {"error.type", "connection_closed"}});
}

TEST_F(GrpcTracerTest, CallsThatAGoawayLeavesOutAreUnavailable) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Done")).end(1).headers(3, call("Refused")).end(3);
  from_client(pair);
  pair.down.goaway(1, 0);
  to_client(pair);
  pair.down.headers(1, grpc_ok()).trailers(1, {{"grpc-status", "0"}});
  to_client(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  expect(all[0],
         {{"rpc.method", "Refused"}, {"rpc.grpc.status_code", "14"}, {"error.type", "GOAWAY"}});
  expect(all[1], {{"rpc.method", "Done"}, {"rpc.grpc.status_code", "0"}, {"error.type", ""}});
  EXPECT_EQ(http2().refused_by_goaway, 1u);
}

// A block of indexes alone, as grpc's encoders write from the second call on: POST, http, and entries
// of a table that nobody saw.
const std::string kAllIndexed = "\x83\x86\xbe\xbf\xc0\xc1";

TEST_F(GrpcTracerTest, JoinedInTheMiddleNothingIsGuessed) {
  Http2Pair pair = join_http2(call("Add"), grpc_ok(), {{"grpc-status", "0"}});
  pair.up.raw_headers(101, kAllIndexed).message(101, 1).end(101);
  to_server(pair);
  pair.down.headers(101, grpc_ok()).message(101, 1).trailers(101, {{"grpc-status", "0"}});
  from_server(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].kind, 2);
  EXPECT_EQ(all[0].name, "grpc") << "its messages and its trailers say so";
  EXPECT_EQ(all[0].status_code, 0);
  expect(all[0], {{"kernspan.partial", "headers_unknown"},
                  {"rpc.system", "grpc"},
                  {"rpc.service", ""},
                  {"rpc.method", ""},
                  {"rpc.grpc.status_code", ""},
                  {"url.path", ""},
                  {"url.full", ""}});
  EXPECT_EQ(conn().partial_headers_unknown, 1u);
}

TEST_F(GrpcTracerTest, JoinedStreamThatMayBeAnythingIsNoCall) {
  Http2Pair pair = join_http2(call("Add"), grpc_ok(), {{"grpc-status", "0"}});
  pair.up.raw_headers(101, kAllIndexed).message(101, 1);
  to_server(pair);
  pair.down.headers(101, status("200")).body(101, 3).end(101);
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "POST");
  expect(span, {{"kernspan.partial", "headers_unknown"},
                {"rpc.system", ""},
                {"url.path", ""},
                {"http.response.status_code", "200"}});
}

// The path is literal; content type and status are not known.
TEST_F(GrpcTracerTest, JoinedCallWithAKnownPathIsNamedByIt) {
  Http2Pair pair = join_http2(call("Add"), grpc_ok(), {{"grpc-status", "0"}});
  pair.up.headers(101, call("Remove")).message(101, 8).message(101, 9).end(101);
  to_server(pair);
  pair.down.headers(101, grpc_ok()).message(101, 1).trailers(101, {{"grpc-status", "0"}});
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "shop.Cart/Remove");
  expect(span, {{"kernspan.partial", "headers_unknown"},
                {"rpc.service", "shop.Cart"},
                {"rpc.grpc.status_code", ""},
                {"kernspan.rpc.messages.received", "2"},
                {"user_agent.original", ""}});
  EXPECT_EQ(span.status_code, 0);
}

TEST_F(GrpcTracerTest, JoinedPostThatIsNotMadeOfMessagesIsNoCall) {
  Http2Pair pair = join_http2(call("Add"), grpc_ok(), {{"grpc-status", "0"}});
  pair.up.headers(101, call("Remove")).body(101, 40).end(101);
  to_server(pair);
  pair.down.headers(101, grpc_ok()).body(101, 7).end(101);
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "POST");
  expect(span, {{"kernspan.partial", "fields_unknown"},
                {"rpc.system", ""},
                {"url.path", "/shop.Cart/Remove"},
                {"http.request.body.size", "40"}});
}

TEST_F(GrpcTracerTest, JoinedConnectionIsExactOnceItsEntriesAreLearned) {
  Http2Pair pair = join_http2({}, {}, {});
  for (const std::uint32_t id : {101u, 103u}) {
    pair.up.headers(id, call("Add")).message(id, 1).end(id);
    to_server(pair);
    pair.down.headers(id, grpc_ok()).trailers(id, {{"grpc-status", "0"}});
    from_server(pair);
  }
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.name, "shop.Cart/Add");
    expect(span, {{"rpc.grpc.status_code", "0"}, {"kernspan.partial", ""}});
  }
}

// A header that may be a traceparent is none.
TEST_F(GrpcTracerTest, ContextInAnUnknownFieldIsNoContext) {
  const HeaderFields fields =
      call("Add", {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}});
  Http2Pair pair = join_http2(fields, grpc_ok(), {});
  pair.up.headers(101, fields).end(101);
  to_server(pair);
  pair.down.headers(101, status("200"), true);
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_FALSE(span.parent_span_id.is_valid());
  EXPECT_NE(span.trace_id.hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_F(GrpcTracerTest, LostRecordLeavesStreamsThatEndAfterItWhole) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Add")).end(1);
  to_server(pair);
  pair.down.headers(1, grpc_ok()).message(1, 7);
  pair.down.take();
  ++pair.server.send_ordinal;  // the ring had no room
  pair.down.trailers(1, {{"grpc-status", "0"}});
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  expect(span, {{"rpc.method", "Add"}, {"kernspan.rpc.message_bytes.sent", ""}});
}

TEST_F(GrpcTracerTest, StreamWhoseEndWasLostIsPartial) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Add")).end(1);
  to_server(pair);
  pair.down.headers(1, grpc_ok()).trailers(1, {{"grpc-status", "0"}});
  pair.down.take();
  ++pair.server.send_ordinal;
  pair.up.headers(3, call("Next")).end(3);
  to_server(pair);
  pair.down.headers(3, grpc_ok()).trailers(3, {{"grpc-status", "0"}});
  from_server(pair);
  auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("rpc.method"), "Next");
  story_->pass_ms(60'000);
  spans();
  all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  expect(all[0], {{"rpc.method", "Add"},
                  {"kernspan.partial", "stream_gap"},
                  {"rpc.grpc.status_code", ""},
                  {"error.type", ""}});
}

TEST_F(GrpcTracerTest, LongStreamIsReportedWhileItLives) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Watch")).end(1);
  to_server(pair);
  pair.down.headers(1, grpc_ok());
  from_server(pair);
  std::vector<SpanRecord> interim;
  for (int minute = 0; minute < 10; ++minute) {
    story_->pass_ms(60'000);
    pair.down.message(1, 10);
    from_server(pair);
    for (const SpanRecord& span : spans()) interim.push_back(span);
  }
  // At one, two, four and eight minutes.
  ASSERT_EQ(interim.size(), 4u);
  EXPECT_EQ(tracer_->counters().interim_spans, 4u);
  EXPECT_EQ(tracer_->counters().spans, 0u);
  pair.down.trailers(1, {{"grpc-status", "0"}});
  from_server(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("kernspan.rpc.messages.sent"), "10");
  EXPECT_EQ(all[0].attribute("kernspan.interim"), "");
  EXPECT_GE(all[0].end_time_unix_ns - all[0].start_time_unix_ns, 600'000'000'000u);
  EXPECT_EQ(interim[0].start_time_unix_ns, all[0].start_time_unix_ns);
  for (std::size_t i = 0; i < interim.size(); ++i) {
    EXPECT_EQ(interim[i].trace_id, all[0].trace_id);
    EXPECT_EQ(interim[i].parent_span_id, all[0].span_id);
    EXPECT_EQ(interim[i].name, "shop.Cart/Watch (in progress)");
    EXPECT_EQ(interim[i].kind, 1);
    expect(interim[i], {{"kernspan.interim", "true"},
                        {"kernspan.interim.number", std::to_string(i + 1)},
                        {"kernspan.rpc.messages.sent", std::to_string(1u << i)}});
    if (i > 0) {
      EXPECT_EQ(interim[i].start_time_unix_ns, interim[i - 1].end_time_unix_ns);
    }
  }
}

TEST_F(GrpcTracerTest, ReportsCanBeTurnedOff) {
  TracerSettings settings;
  settings.stream_report_interval_ns = 0;
  remake(settings);
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Watch"));
  to_server(pair);
  pair.down.headers(1, grpc_ok());
  from_server(pair);
  story_->pass_ms(200'000);
  EXPECT_TRUE(spans().empty());
}

TEST_F(GrpcTracerTest, SilentStreamThatHasBegunItsAnswerDoesNotTimeOut) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Watch")).end(1).headers(3, call("Stuck")).end(3);
  to_server(pair);
  pair.down.headers(1, grpc_ok());
  from_server(pair);
  story_->pass_ms(301'000);
  spans();
  for (const SpanRecord& span : spans_after_wait()) {
    if (span.attribute("kernspan.interim") == "true") continue;
    expect(span, {{"rpc.method", "Stuck"},
                  {"error.type", "timeout"},
                  {"kernspan.partial", "timeout"},
                  {"rpc.grpc.status_code", ""}});
  }
  EXPECT_EQ(conn().partial_timeout, 1u);
}

TEST_F(GrpcTracerTest, TraceparentIsReadHoweverItIsCoded) {
  constexpr std::string_view kHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  Http2Pair pair = connect_http2();
  const HeaderFields fields = call("Add", {{"traceparent", std::string(kHeader)}});
  pair.up.headers(1, fields).end(1).headers(3, fields).end(3);  // literal, then indexed
  to_server(pair);
  pair.down.headers(1, grpc_ok()).trailers(1, {{"grpc-status", "0"}});
  pair.down.headers(3, grpc_ok()).trailers(3, {{"grpc-status", "0"}});
  from_server(pair);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.trace_id.hex(), "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(span.parent_span_id.hex(), "00f067aa0ba902b7");
    EXPECT_EQ(span.attribute("kernspan.link.evidence"), "traceparent");
  }
}

TEST_F(GrpcTracerTest, GrpcWebOverHttp2HasItsStatusInTheBody) {
  HeaderFields web = call("Add");
  web[5].second = "application/grpc-web+proto";
  Http2Pair pair = connect_http2();
  pair.up.headers(1, web).body(1, 20).end(1);
  to_server(pair);
  pair.down.headers(1, {{":status", "200"}, {"content-type", "application/grpc-web+proto"}})
      .body(1, 60)
      .end(1);
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "shop.Cart/Add");
  EXPECT_EQ(span.status_code, 0);
  expect(span, {{"kernspan.rpc.protocol", "grpc-web"},
                {"rpc.grpc.status_code", ""},
                {"kernspan.rpc.messages.sent", ""},
                {"kernspan.partial", ""}});
}

TEST_F(GrpcTracerTest, GrpcWebOverHttp1IsACall) {
  auto [client, server] = story_->connect_pair(8080);
  story_->recv(
      server, kServerThread,
      "POST /shop.Cart/Add HTTP/1.1\r\nHost: a\r\ncontent-type: application/grpc-web+proto\r\n"
      "grpc-timeout: 2S\r\nContent-Length: 10\r\n\r\n",
      10);
  story_->send(server, kServerThread,
               "HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\n"
               "Content-Length: 40\r\n\r\n",
               40);
  story_->recv(
      server, kServerThread,
      "POST /shop.Cart/No HTTP/1.1\r\nHost: a\r\ncontent-type: application/grpc-web-text\r\n"
      "Content-Length: 10\r\n\r\n",
      10);
  story_->send(server, kServerThread,
               "HTTP/1.1 200 OK\r\ngrpc-status: 13\r\nContent-Length: 0\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  expect(all[0], {{"rpc.system", "grpc"},
                  {"rpc.method", "Add"},
                  {"kernspan.rpc.protocol", "grpc-web"},
                  {"kernspan.rpc.timeout_ms", "2000"},
                  {"rpc.grpc.status_code", ""},
                  {"kernspan.rpc.messages.sent", ""},
                  {"network.protocol.version", "1.1"}});
  EXPECT_EQ(all[0].status_code, 0);
  EXPECT_EQ(all[0].name, "shop.Cart/Add");
  expect(all[1], {{"kernspan.rpc.protocol", "grpc-web-text"}, {"rpc.grpc.status_code", "13"}});
  EXPECT_EQ(all[1].status_code, 2);
}

}  // namespace
}  // namespace kernspan
