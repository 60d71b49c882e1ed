// What the vectors cannot say: results of single calls, memory, guessing.
#include "agent/protocol/http1/message_parser.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "tests/unit/agent/protocol/http1/event_log.h"

namespace {

std::atomic<std::size_t> allocations = 0;

}  // namespace

// Not inlined: g++ 12 would see new and free() side by side and warn of a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  std::abort();
}
// The analyzer does not see that these are the allocation functions themselves.
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDelete)
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
// NOLINTEND(clang-analyzer-cplusplus.NewDelete)

namespace kernspan::http1 {
namespace {

constexpr std::string_view kRequest =
    "GET /api/v1/items?limit=20 HTTP/1.1\r\n"
    "Host: shop.example:8080\r\n"
    "User-Agent: curl/8.5.0\r\n"
    "Accept: */*\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

// Counts, so that the sink itself allocates nothing.
class Counter final : public MessageSink {
 public:
  void on_begin() override { ++begun; }
  BodyRule on_head(const Head& head) override {
    ++heads;
    target_data = head.target.data();
    return BodyRule::kByHead;
  }
  void on_end(MessageEnd, std::optional<std::uint64_t>) override { ++ended; }
  void on_invalid(std::string_view) override { ++invalid; }
  void on_lost() override { ++lost; }

  int begun = 0;
  int heads = 0;
  int ended = 0;
  int invalid = 0;
  int lost = 0;
  const char* target_data = nullptr;
};

TEST(MessageParser, ReadsAWholeHeadInPlaceAndWithoutAllocation) {
  MessageParser parser(MessageKind::kRequest);
  Counter counter;
  const std::size_t before = allocations;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(parser.feed(kRequest, counter), ParseOutcome::kFrame);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(counter.ended, 3);
  EXPECT_EQ(counter.target_data, kRequest.data() + std::string_view("GET ").size());
}

TEST(MessageParser, KeepsNothingOfAHeadThatIsOver) {
  MessageParser parser(MessageKind::kRequest);
  Counter counter;
  parser.feed(kRequest.substr(0, 1), counter);
  const std::size_t before = allocations;
  parser.feed(kRequest.substr(1), counter);
  parser.feed(kRequest, counter);
  EXPECT_EQ(counter.heads, 2);
  // The second piece made the buffer of the first head grow; the second head needed none.
  EXPECT_EQ(allocations, before + 1);
}

TEST(MessageParser, SaysWhereItStands) {
  MessageParser parser(MessageKind::kResponse);
  EventLog log;
  EXPECT_TRUE(parser.at_message_boundary());
  EXPECT_FALSE(parser.in_body());

  EXPECT_EQ(parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", log), ParseOutcome::kNeedMore);
  EXPECT_FALSE(parser.at_message_boundary());
  EXPECT_FALSE(parser.in_body());

  EXPECT_EQ(parser.feed("\r\nab", log), ParseOutcome::kNeedMore);
  EXPECT_FALSE(parser.at_message_boundary());
  EXPECT_TRUE(parser.in_body());

  EXPECT_EQ(parser.skip(2, {}, log), ParseOutcome::kFrame);
  EXPECT_TRUE(parser.at_message_boundary());
  EXPECT_FALSE(parser.in_body());

  EXPECT_EQ(parser.feed("garbage", log), ParseOutcome::kInvalid);
  EXPECT_TRUE(parser.at_message_boundary());
  EXPECT_EQ(parser.feed("more garbage", log), ParseOutcome::kSkip);
  EXPECT_EQ(parser.feed("HTTP/1.1 204 No Content\r\n\r\n", log), ParseOutcome::kFrame);
  EXPECT_EQ(parser.lose(log), ParseOutcome::kSkip);
  EXPECT_TRUE(parser.at_message_boundary());
}

TEST(MessageParser, HandOffIsFinal) {
  MessageParser parser(MessageKind::kResponse);
  EventLog log({BodyRule::kTunnel});
  EXPECT_EQ(parser.feed("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", log),
            ParseOutcome::kHandOff);
  EXPECT_EQ(parser.feed("HTTP/1.1 200 OK\r\n\r\n", log), ParseOutcome::kHandOff);
  EXPECT_EQ(parser.skip(10, {}, log), ParseOutcome::kHandOff);
  EXPECT_EQ(parser.lose(log), ParseOutcome::kHandOff);
  parser.finish(log);
  EXPECT_EQ(log.heads().size(), 1U);
  EXPECT_FALSE(parser.at_message_boundary());
}

TEST(MessageParser, FinishIsIdempotent) {
  MessageParser parser(MessageKind::kResponse);
  EventLog log;
  parser.feed("HTTP/1.0 200 OK\r\n\r\nabc", log);
  parser.finish(log);
  parser.finish(log);
  EXPECT_EQ(log.lines().back(), "end closed 3");
  EXPECT_EQ(log.lines().size(), 3U);
}

TEST(MessageParser, CountsHugeBodiesWithoutOverflow) {
  MessageParser parser(MessageKind::kResponse);
  EventLog log;
  parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n", log);
  EXPECT_EQ(parser.skip(18446744073709551615U, {}, log), ParseOutcome::kFrame);
  EXPECT_EQ(log.lines().back(), "end complete 18446744073709551615");
}

// A head of one-byte pieces costs time in proportion to its size: each byte is searched once.
TEST(MessageParser, TakesALongHeadByteByByte) {
  const std::string head = "GET / HTTP/1.1\r\nCookie: " + std::string(60000, 'x') + "\r\n\r\n";
  MessageParser parser(MessageKind::kRequest);
  EventLog log;
  for (const char& c : head) parser.feed({&c, 1}, log);
  ASSERT_EQ(log.heads().size(), 1U);
  EXPECT_FALSE(log.heads()[0].truncated);
}

TEST(LooksLikeStart, Requests) {
  const auto looks = [](std::string_view bytes) {
    return looks_like_start(MessageKind::kRequest, bytes);
  };
  EXPECT_TRUE(looks("GET "));
  EXPECT_TRUE(looks("GET / HTTP/1.1"));
  EXPECT_TRUE(looks("MKCALENDAR /"));
  EXPECT_FALSE(looks(""));
  EXPECT_FALSE(looks("GET"));
  EXPECT_FALSE(looks("ET / HTTP/1.1"));
  EXPECT_FALSE(looks("get / HTTP/1.1"));
  EXPECT_FALSE(looks("GETX / HTTP/1.1"));
  EXPECT_FALSE(looks("HTTP/1.1 200 OK"));
  EXPECT_FALSE(looks("\x16\x03\x01"));
}

TEST(LooksLikeStart, Responses) {
  const auto looks = [](std::string_view bytes) {
    return looks_like_start(MessageKind::kResponse, bytes);
  };
  EXPECT_TRUE(looks("HTTP/1."));
  EXPECT_TRUE(looks("HTTP/1.1 200 OK"));
  EXPECT_FALSE(looks("HTTP/1"));
  EXPECT_FALSE(looks("HTTP/2 200"));
  EXPECT_FALSE(looks("GET / HTTP/1.1"));
}

}  // namespace
}  // namespace kernspan::http1
