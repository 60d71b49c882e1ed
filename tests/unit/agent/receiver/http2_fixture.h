// HTTP/2 connections as a test tells them: what one side sends, the other reads.
#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "tests/unit/agent/receiver/frame_script.h"
#include "tests/unit/agent/receiver/tracer_fixture.h"

namespace kernspan {

// Both ends of a connection. What is written into `up` and `down` is told when a test says who sends
// and who reads it.
struct Http2Pair {
  StorySocket client;
  StorySocket server;
  FrameScript up;    // from the client
  FrameScript down;  // from the server
};

class Http2TracerTest : public TracerTest {
 protected:
  Http2Pair connect_http2() {
    Http2Pair pair;
    std::tie(pair.client, pair.server) = story_->connect_pair(50051);
    pair.up.preface();
    pair.down.start();
    return pair;
  }
  // A connection that is older than the agent, on which these requests and responses have passed.
  Http2Pair join_http2(const HeaderFields& request, const HeaderFields& response,
                       const HeaderFields& trailers) {
    Http2Pair pair;
    std::tie(pair.client, pair.server) = story_->connect_pair(50051);
    story_->extra_flags = KS_MIDSTREAM;
    pair.up.headers_before_the_agent(request);
    pair.down.headers_before_the_agent(response);
    pair.down.headers_before_the_agent(trailers);
    pair.up.joined();
    pair.down.joined();
    return pair;
  }

  // Only the server's end is on this node.
  void to_server(Http2Pair& pair, const StoryThread& thread = kServerThread) {
    const auto [items, bytes] = pair.up.take();
    story_->recv_http2(pair.server, thread, items, bytes);
  }
  void from_server(Http2Pair& pair, const StoryThread& thread = kServerThread) {
    const auto [items, bytes] = pair.down.take();
    story_->send_http2(pair.server, thread, items, bytes);
  }
  // Only the client's end is on this node.
  void from_client(Http2Pair& pair, const StoryThread& thread = kClientThread) {
    const auto [items, bytes] = pair.up.take();
    story_->send_http2(pair.client, thread, items, bytes);
  }
  void to_client(Http2Pair& pair, const StoryThread& thread = kClientThread) {
    const auto [items, bytes] = pair.down.take();
    story_->recv_http2(pair.client, thread, items, bytes);
  }
  // Both are.
  void up(Http2Pair& pair) {
    const auto [items, bytes] = pair.up.take();
    story_->send_http2(pair.client, kClientThread, items, bytes);
    story_->recv_http2(pair.server, kServerThread, items, bytes);
  }
  void down(Http2Pair& pair) {
    const auto [items, bytes] = pair.down.take();
    story_->send_http2(pair.server, kServerThread, items, bytes);
    story_->recv_http2(pair.client, kClientThread, items, bytes);
  }

  static HeaderFields get(std::string path, HeaderFields more = {}) {
    HeaderFields fields{{":method", "GET"},
                        {":scheme", "http"},
                        {":authority", "shop.example"},
                        {":path", std::move(path)},
                        {"user-agent", "story/2"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  static HeaderFields call(std::string method, HeaderFields more = {}) {
    HeaderFields fields{{":method", "POST"},
                        {":scheme", "http"},
                        {":path", "/shop.Cart/" + method},
                        {":authority", "cart.example:50051"},
                        {"te", "trailers"},
                        {"content-type", "application/grpc"},
                        {"user-agent", "grpc-story/1.0"}};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
  }
  static HeaderFields grpc_ok() {
    return {{":status", "200"}, {"content-type", "application/grpc"}};
  }
  static HeaderFields status(std::string code) { return {{":status", std::move(code)}}; }
  static HeaderFields grpc_status(std::string code) {
    return {{"grpc-status", std::move(code)}, {"grpc-message", "card 1234 refused"}};
  }
  const Http2Counters& http2() const { return conn().http2; }
};

}  // namespace kernspan
