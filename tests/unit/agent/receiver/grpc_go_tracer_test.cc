// What grpc-go programs say of their calls: methods that the wire does not tell, and whom a call is for.
#include "tests/unit/agent/receiver/http2_fixture.h"

namespace kernspan {
namespace {

// POST, http, and entries of a table that nobody here has seen.
const std::string kAllIndexed = "\x83\x86\xbe\xbf\xc0\xc1";
constexpr std::uint32_t kTgid = kServerThread.tgid;
constexpr StoryThread kReader{.tgid = kTgid, .tid = 910001};
constexpr StoryThread kWriter{.tgid = kTgid, .tid = 910002};
constexpr StoryThread kCallReader{.tgid = kTgid, .tid = 910003};
constexpr StoryThread kCallWriter{.tgid = kTgid, .tid = 910004};

constexpr StoryThread goroutine(std::uint32_t address) {
  return {.tgid = kTgid, .tid = 920000 + address};
}

class GrpcGoTracerTest : public Http2TracerTest {
 protected:
  Http2Pair old_connection() { return join_http2(call("Add"), grpc_ok(), {{"grpc-status", "0"}}); }
  // A whole call on an old connection, as its client sees it.
  void answer_old(Http2Pair& pair, std::uint32_t id) {
    pair.down.headers(id, grpc_ok()).message(id, 1).trailers(id, {{"grpc-status", "0"}});
    to_client(pair);
  }

  // The server's end of `inbound`: its transport's reader reads a request, and the goroutine with that address
  // and number handles it.
  void serve(Http2Pair& inbound, std::uint32_t id, std::uint32_t address, std::uint64_t number) {
    inbound.up.headers(id, call("Forward")).message(id, 1).end(id);
    to_server(inbound, kReader);
    story_->grpc_call(inbound.server, KS_GRPC_SERVER, id, "/shop.Cart/Forward", goroutine(address),
                      number);
  }
  void respond(Http2Pair& inbound, std::uint32_t id) {
    inbound.down.headers(id, grpc_ok()).message(id, 1).trailers(id, {{"grpc-status", "0"}});
    from_server(inbound, kWriter);
  }
  // The client's end of `outbound`: the goroutine opens a stream, the transport's loop sends it later.
  void open(Http2Pair& outbound, std::uint32_t id, std::uint32_t address, std::uint64_t number,
            std::uint64_t parent_number = 0) {
    story_->grpc_call(outbound.client, KS_GRPC_CLIENT, id, "/shop.Cart/Add", goroutine(address),
                      number, parent_number);
  }
  void send(Http2Pair& outbound, std::uint32_t id) {
    outbound.up.headers(id, call("Add")).message(id, 1).end(id);
    from_client(outbound, kCallWriter);
  }
  void answer(Http2Pair& outbound, std::uint32_t id) {
    outbound.down.headers(id, grpc_ok()).message(id, 1).trailers(id, {{"grpc-status", "0"}});
    to_client(outbound, kCallReader);
  }
  // Of the client spans.
  static std::map<std::string, int> evidence(const std::vector<SpanRecord>& spans) {
    std::map<std::string, int> found;
    for (const SpanRecord& span : spans) {
      if (span.kind == 3) ++found[span.attribute("kernspan.link.evidence")];
    }
    return found;
  }
};

TEST_F(GrpcGoTracerTest, OldConnectionsCallsGetTheirMethod) {
  Http2Pair pair = old_connection();
  // The record may come before the stream is on the wire, or later.
  story_->grpc_call(pair.client, KS_GRPC_CLIENT, 101, "/shop.Cart/Add", kClientThread, 7);
  pair.up.raw_headers(101, kAllIndexed).message(101, 1).end(101);
  from_client(pair);
  answer_old(pair, 101);
  pair.up.raw_headers(103, kAllIndexed).message(103, 1).end(103);
  from_client(pair);
  story_->grpc_call(pair.client, KS_GRPC_CLIENT, 103, "/shop.Cart/Remove", kClientThread, 7);
  answer_old(pair, 103);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "shop.Cart/Add");
  EXPECT_EQ(all[1].name, "shop.Cart/Remove");
  for (const SpanRecord& span : all) {
    EXPECT_EQ(span.attribute("rpc.service"), "shop.Cart");
    EXPECT_EQ(span.attribute("kernspan.partial"), "headers_unknown") << "the status is not known";
  }
  EXPECT_EQ(http2().calls_matched, 2u);
  EXPECT_EQ(http2().methods_learned, 2u);
}

TEST_F(GrpcGoTracerTest, WhereOnlyTheMethodWasMissingOnlyOtherFieldsAre) {
  Http2Pair pair = join_http2(call("Add"), {}, {});
  pair.up.raw_headers(101, kAllIndexed).message(101, 1).end(101);
  to_server(pair);
  story_->grpc_call(pair.server, KS_GRPC_SERVER, 101, "/shop.Cart/Add", kServerThread, 7);
  pair.down.headers(101, grpc_ok()).message(101, 1).trailers(101, {{"grpc-status", "0"}});
  from_server(pair);
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.name, "shop.Cart/Add");
  EXPECT_EQ(span.attribute("rpc.grpc.status_code"), "0");
  EXPECT_EQ(span.attribute("kernspan.partial"), "fields_unknown");
}

// One program says it, the other end of the same request has it too, whichever of them that is.
TEST_F(GrpcGoTracerTest, BothEndsOfACallGetItsMethod) {
  for (const ks_grpc_role role : {KS_GRPC_CLIENT, KS_GRPC_SERVER}) {
    Http2Pair pair = old_connection();
    pair.up.raw_headers(101, kAllIndexed).message(101, 1).end(101);
    up(pair);
    story_->grpc_call(role == KS_GRPC_CLIENT ? pair.client : pair.server, role, 101,
                      "/shop.Cart/Add", role == KS_GRPC_CLIENT ? kClientThread : kServerThread, 7);
    pair.down.headers(101, grpc_ok()).message(101, 1).trailers(101, {{"grpc-status", "0"}});
    down(pair);
    const auto all = spans_after_wait();
    ASSERT_EQ(all.size(), 2u);
    for (const SpanRecord& span : all) EXPECT_EQ(span.name, "shop.Cart/Add");
  }
  EXPECT_EQ(http2().methods_shared, 2u);
}

TEST_F(GrpcGoTracerTest, TheWireIsRightWhereTheyContradict) {
  Http2Pair pair = connect_http2();
  pair.up.headers(1, call("Add")).message(1, 1).end(1);
  to_server(pair);
  story_->grpc_call(pair.server, KS_GRPC_SERVER, 1, "/shop.Cart/Remove", kServerThread, 7);
  story_->grpc_call(pair.server, KS_GRPC_CLIENT, 1, "/shop.Cart/Add", kServerThread, 7);
  pair.down.headers(1, grpc_ok()).trailers(1, {{"grpc-status", "0"}});
  from_server(pair);
  EXPECT_EQ(spans_after_wait().at(0).name, "shop.Cart/Add");
  EXPECT_EQ(http2().calls_conflicting, 2u);
  EXPECT_EQ(http2().calls_matched, 0u);
}

// The same number on another connection, or on the same one when the stream is over.
TEST_F(GrpcGoTracerTest, OtherStreamsAreNotMeant) {
  Http2Pair pair = old_connection();
  Http2Pair other = old_connection();
  story_->grpc_call(other.client, KS_GRPC_CLIENT, 101, "/shop.Cart/Remove", kClientThread, 7);
  story_->grpc_call(pair.client, KS_GRPC_CLIENT, 103, "/shop.Cart/Remove", kClientThread, 7);
  pair.up.headers(101, call("Size")).message(101, 1).end(101);
  from_client(pair);
  answer_old(pair, 101);
  story_->grpc_call(pair.client, KS_GRPC_CLIENT, 101, "/shop.Cart/Remove", kClientThread, 7);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].name, "shop.Cart/Size");
  EXPECT_EQ(http2().calls_late, 1u);
  story_->pass_ms(5000);
  spans();
  EXPECT_EQ(http2().calls_unmatched, 2u);
  // Too late now: the stream of that number is another call by then.
  pair.up.raw_headers(103, kAllIndexed).message(103, 1).end(103);
  from_client(pair);
  answer_old(pair, 103);
  EXPECT_EQ(spans_after_wait().at(0).name, "grpc");
}

TEST_F(GrpcGoTracerTest, CallsAreForTheRequestThatTheirGoroutineHandles) {
  Http2Pair inbound = connect_http2();
  Http2Pair outbound = connect_http2();
  constexpr std::uint32_t kCalls = 32;
  // All at once, sent in another order than they were made, half of them before their records.
  for (std::uint32_t i = 0; i < kCalls; ++i) serve(inbound, 2 * i + 1, i, 100 + i);
  for (std::uint32_t i = kCalls; i-- > 0;) {
    const std::uint32_t id = 2 * (kCalls - 1 - i) + 1;
    if (i % 2 == 0) send(outbound, id);
    open(outbound, id, i, 100 + i);
    if (i % 2 == 1) send(outbound, id);
  }
  for (std::uint32_t i = 0; i < kCalls; ++i) answer(outbound, 2 * i + 1);
  for (std::uint32_t i = 0; i < kCalls; ++i) respond(inbound, 2 * i + 1);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2 * kCalls);
  EXPECT_EQ(evidence(all), (std::map<std::string, int>{{"goroutine", kCalls}}));
  std::map<SpanId, int> calls_of;
  for (const SpanRecord& span : all) {
    if (span.kind == 3) ++calls_of[span.parent_span_id];
  }
  EXPECT_EQ(calls_of.size(), kCalls);
  EXPECT_EQ(tracer_->linker().counters().no_request, 0u);
  EXPECT_EQ(tracer_->linker().contexts().mispredictions(), 0u);
}

// Go uses the memory of a goroutine that has ended again at once; its response may still wait to be sent.
TEST_F(GrpcGoTracerTest, AnotherGoroutineAtTheSameAddressIsAnother) {
  Http2Pair inbound = connect_http2();
  Http2Pair outbound = connect_http2();
  serve(inbound, 1, 5, 100);
  open(outbound, 1, 5, 101);  // not the handler
  send(outbound, 1);
  answer(outbound, 1);
  serve(inbound, 3, 5, 102);
  open(outbound, 3, 5, 102);
  send(outbound, 3);
  answer(outbound, 3);
  respond(inbound, 1);
  respond(inbound, 3);
  const auto all = spans_after_wait();
  EXPECT_EQ(evidence(all), (std::map<std::string, int>{{"", 1}, {"goroutine", 1}}));
  EXPECT_EQ(tracer_->linker().counters().no_request, 1u);
}

TEST_F(GrpcGoTracerTest, StartedGoroutinesWorkForTheRequestOfTheirParent) {
  Http2Pair inbound = connect_http2();
  Http2Pair outbound = connect_http2();
  serve(inbound, 1, 5, 100);
  open(outbound, 1, 6, 200, 100);
  send(outbound, 1);
  open(outbound, 3, 7, 300, 200);  // a grandchild: nobody knows its grandparent
  send(outbound, 3);
  answer(outbound, 1);
  answer(outbound, 3);
  respond(inbound, 1);
  const auto all = spans_after_wait();
  EXPECT_EQ(evidence(all), (std::map<std::string, int>{{"", 1}, {"goroutine", 1}}));
}

// A goroutine of net/http reads its requests itself; its call is sent by the transport's loop, perhaps when the
// goroutine serves the next request.
TEST_F(GrpcGoTracerTest, CallsOfHttp1Handlers) {
  auto [browser, shop] = story_->connect_pair(8080);
  Http2Pair outbound = connect_http2();
  const StoryThread handler = goroutine(9);
  story_->recv(shop, handler, "GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
  open(outbound, 1, 9, 100);
  story_->send(shop, handler, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  story_->recv(shop, handler, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
  send(outbound, 1);
  answer(outbound, 1);
  story_->send(shop, handler, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  SpanRecord first, call_span;
  for (const SpanRecord& span : spans_after_wait()) {
    if (span.attribute("url.path") == "/first") first = span;
    if (span.kind == 3) call_span = span;
  }
  EXPECT_EQ(call_span.parent_span_id, first.span_id);
  EXPECT_EQ(call_span.attribute("kernspan.link.evidence"), "goroutine");
}

// Its header says more than its goroutine.
TEST_F(GrpcGoTracerTest, ATraceparentOfItsOwnCounts) {
  Http2Pair inbound = connect_http2();
  Http2Pair outbound = connect_http2();
  serve(inbound, 1, 5, 100);
  outbound.up.headers(
      1, call("Add", {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}));
  from_client(outbound, kCallWriter);
  open(outbound, 1, 5, 100);
  outbound.up.message(1, 1).end(1);
  from_client(outbound, kCallWriter);
  answer(outbound, 1);
  respond(inbound, 1);
  EXPECT_EQ(evidence(spans_after_wait()), (std::map<std::string, int>{{"traceparent", 1}}));
}

TEST_F(GrpcGoTracerTest, WhatNobodyOpensIsForgotten) {
  Http2Pair pair = old_connection();
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    story_->grpc_call(pair.client, KS_GRPC_CLIENT, 2 * i + 1, "/shop.Cart/Add", kClientThread, 7);
  }
  story_->pass_ms(5000);
  spans();
  EXPECT_EQ(http2().calls_unmatched, 10'000u);
}

}  // namespace
}  // namespace kernspan
