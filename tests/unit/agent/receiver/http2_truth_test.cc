// Many calls on few connections, with records lost and connections joined in the middle. Each request says in its
// path what its answer must be: whatever is lost, no span may say anything else.
#include <random>

#include "tests/unit/agent/receiver/http2_fixture.h"

namespace kernspan {
namespace {

struct Truth {
  int loss_percent = 0;
  bool joined = false;
};

class Http2TruthTest : public Http2TracerTest,
                       public testing::WithParamInterface<std::tuple<Truth, unsigned>> {
 protected:
  // What stream `id` is called, answers, and how many messages it carries.
  static std::string method(std::uint32_t id) { return "M" + std::to_string(id % 7); }
  static int grpc_code(std::uint32_t id) { return static_cast<int>(id % 7); }
  static std::uint32_t up_messages(std::uint32_t id) { return 1 + id % 7; }
  static std::uint32_t down_messages(std::uint32_t id) { return 2 + id % 7; }

  std::uint32_t random_below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_() % bound);
  }

  // One direction's transfer at one end, or its loss in the ring.
  void tell(StorySocket& socket, ks_direction direction, FrameScript& script) {
    const auto [items, bytes] = script.take();
    const StoryThread thread{.tgid = 900002, .tid = 900002 + random_below(3)};
    if (static_cast<int>(random_below(100)) < std::get<0>(GetParam()).loss_percent) {
      (direction == KS_SEND ? socket.send_seq : socket.recv_seq) += bytes;
      ++(direction == KS_SEND ? socket.send_ordinal : socket.recv_ordinal);
      return;
    }
    direction == KS_SEND ? story_->send_http2(socket, thread, items, bytes)
                         : story_->recv_http2(socket, thread, items, bytes);
  }

  struct Open {
    std::uint32_t id;
    std::uint32_t step = 0;
  };
  // The next frames of a stream; false when it is over.
  bool advance(Http2Pair& pair, Open& stream, bool server_side) {
    const std::uint32_t id = stream.id;
    StorySocket& socket = server_side ? pair.server : pair.client;
    const ks_direction up = server_side ? KS_RECV : KS_SEND;
    const ks_direction down = server_side ? KS_SEND : KS_RECV;
    switch (stream.step++) {
      case 0:
        pair.up.headers(id, call(method(id), {{"x-unique", std::to_string(id)}}));
        tell(socket, up, pair.up);
        return true;
      case 1:
        for (std::uint32_t i = 0; i < up_messages(id); ++i) pair.up.message(id, 10 + i);
        tell(socket, up, pair.up);
        return true;
      case 2:
        pair.up.end(id);
        tell(socket, up, pair.up);
        return true;
      case 3:
        pair.down.headers(id, grpc_ok());
        tell(socket, down, pair.down);
        return true;
      case 4:
        for (std::uint32_t i = 0; i < down_messages(id); ++i) pair.down.message(id, 20);
        tell(socket, down, pair.down);
        return true;
      default:
        pair.down.trailers(id, {{"grpc-status", std::to_string(grpc_code(id))}});
        tell(socket, down, pair.down);
        return false;
    }
  }

  void check(const SpanRecord& span, bool server_side) {
    EXPECT_EQ(span.kind, server_side ? 2 : 3);
    EXPECT_EQ(span.attribute("kernspan.http2.reset"), "");
    const std::string name = span.attribute("rpc.method");
    const std::string code = span.attribute("rpc.grpc.status_code");
    const std::string partial = span.attribute("kernspan.partial");
    const std::string sent = span.attribute("kernspan.rpc.messages.sent");
    const std::string received = span.attribute("kernspan.rpc.messages.received");
    EXPECT_EQ(span.attribute("kernspan.rpc.status_derived"), "") << "each has sent a status";
    if (partial.empty()) {
      ++whole_;
      EXPECT_FALSE(name.empty());
      EXPECT_FALSE(code.empty());
    }
    if (name.empty()) return;
    ++named_;
    const auto k = static_cast<std::uint32_t>(name.at(1) - '0');
    EXPECT_EQ(span.name, "shop.Cart/" + name);
    if (!code.empty()) {
      EXPECT_EQ(code, std::to_string(grpc_code(k)));
    }
    // An end that was not seen counts what was.
    if (partial == "stream_gap" || partial == "shutdown") return;
    const std::string& up = server_side ? received : sent;
    const std::string& down = server_side ? sent : received;
    if (!up.empty()) {
      EXPECT_EQ(up, std::to_string(up_messages(k))) << partial;
    }
    if (!down.empty()) {
      EXPECT_EQ(down, std::to_string(down_messages(k))) << partial;
    }
  }

  std::mt19937 random_;
  std::size_t whole_ = 0;
  std::size_t named_ = 0;
};

TEST_P(Http2TruthTest, NothingIsEverWrong) {
  const auto& [truth, seed] = GetParam();
  random_.seed(seed);
  const bool server_side = seed % 2 == 0;
  Http2Pair pair =
      truth.joined ? join_http2(call("M0"), grpc_ok(), {{"grpc-status", "0"}}) : connect_http2();
  constexpr std::uint32_t kCalls = 600;
  std::vector<Open> open;
  std::vector<SpanRecord> all;
  std::uint32_t begun = 0;
  while (begun < kCalls || !open.empty()) {
    if (begun < kCalls && open.size() < 12 && random_below(2) == 0) {
      open.push_back({.id = 2 * begun++ + 1});
      // A stream's HEADERS go out in the order of the numbers.
      advance(pair, open.back(), server_side);
    }
    if (open.empty()) continue;
    const std::size_t at = random_below(static_cast<std::uint32_t>(open.size()));
    if (!advance(pair, open[at], server_side)) open.erase(open.begin() + static_cast<long>(at));
    story_->pass_ms(random_below(20));
    for (const SpanRecord& span : spans()) all.push_back(span);
  }
  story_->pass_ms(50'000);
  for (const SpanRecord& span : spans()) all.push_back(span);
  for (const SpanRecord& span : spans_after_wait()) all.push_back(span);
  for (const SpanRecord& span : finish()) all.push_back(span);
  for (const SpanRecord& span : all) check(span, server_side);
  EXPECT_LE(all.size(), kCalls);
  EXPECT_EQ(conn().exchanges_opened, conn().exchanges_ended);
  EXPECT_EQ(tracer_->held(), 0u);
  if (truth.loss_percent == 0) {
    EXPECT_EQ(all.size(), kCalls);
    EXPECT_EQ(named_, kCalls);
  }
  if (truth.loss_percent == 3) {
    EXPECT_GE(named_, kCalls / 4);
  }
  if (truth.loss_percent == 0 && !truth.joined) {
    EXPECT_EQ(whole_, kCalls);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Http2, Http2TruthTest,
    testing::Combine(testing::Values(Truth{}, Truth{.joined = true}, Truth{.loss_percent = 3},
                                     Truth{.loss_percent = 20},
                                     Truth{.loss_percent = 10, .joined = true}),
                     testing::Range(1u, 9u)));

}  // namespace
}  // namespace kernspan
