// What is lost on the way, or was before the agent: records, answers, the beginnings of connections.
#include <map>

#include "tests/unit/agent/receiver/http1_messages.h"
#include "tests/unit/agent/receiver/tracer_fixture.h"

namespace kernspan {
namespace {

std::string get(std::string_view path) {
  return std::string("GET ").append(path).append(" HTTP/1.1\r\nHost: a\r\n\r\n");
}

std::map<std::string, std::string> status_by_path(const std::vector<SpanRecord>& spans) {
  std::map<std::string, std::string> found;
  for (const SpanRecord& span : spans)
    found[span.attribute("url.path")] = span.attribute("http.response.status_code");
  return found;
}

class TracerLossTest : public TracerTest {};

TEST_F(TracerLossTest, ChunkedBodyWhoseEndWasNotSeenEndsBeforeTheNextRequest) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 300);
  story_->pass_ms(1000);
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kOk);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_LT(all[0].end_time_unix_ns - all[0].start_time_unix_ns, 1'000'000u);
  EXPECT_EQ(all[1].attribute("http.response.status_code"), "200");
}

TEST_F(TracerLossTest, LostResponseIsNeverPairedWithTheNextRequest) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  EventStory::unseen_send(server, 120);  // the record of the response did not fit the ring
  story_->recv(server, kServerThread, "GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->send(server, kServerThread, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  story_->recv(server, kServerThread, "GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->send(server, kServerThread, "HTTP/1.1 204 No Content\r\n\r\n");
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 3u);
  for (const SpanRecord& span : all) {
    const std::string path = span.attribute("url.path");
    EXPECT_EQ(span.attribute("http.response.status_code"), path == "/third" ? "204" : "") << path;
    EXPECT_EQ(span.attribute("kernspan.partial"), path == "/third" ? "" : "stream_gap") << path;
  }
  EXPECT_EQ(conn().partial_gap, 2u);
}

TEST_F(TracerLossTest, LostRequestDoesNotShiftTheResponses) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kOk);
  EventStory::unseen_recv(server, 90);
  story_->send(server, kServerThread, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  story_->recv(server, kServerThread, "GET /third HTTP/1.1\r\nHost: a\r\n\r\n");
  story_->send(server, kServerThread, kOk);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  for (const SpanRecord& span : all) EXPECT_EQ(span.attribute("http.response.status_code"), "200");
  EXPECT_EQ(conn().unmatched_responses, 1u);
}

TEST_F(TracerLossTest, ConnectionOlderThanTheAgentIsPickedUp) {
  auto [client, server] = story_->connect_pair();
  story_->extra_flags = KS_MIDSTREAM;
  story_->recv(server, kServerThread, {}, 300);  // the middle of some body
  story_->send(server, kServerThread, kOk);      // the answer to a request that nobody saw
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, kOk);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].kind, 2);
  EXPECT_EQ(conn().unmatched_responses, 1u);
}

TEST_F(TracerLossTest, AnswerWhoseEndWasNotSeenDoesNotMakeItsCallerCurrentForTheNextCall) {
  auto [one_client, one] = story_->connect_pair();
  auto [two_client, two] = story_->connect_pair();
  auto [onward, onward_server] = story_->connect_pair(81);
  StoryThread loop = kServerThread;
  story_->recv(one, loop, get("/one"));
  story_->send(onward, loop, get("/for-one"));
  ++loop.sleeps;
  story_->recv(onward, loop, kChunked, 300);  // the last chunk's record is lost
  ++loop.sleeps;
  story_->recv(two, loop, get("/two"));
  story_->send(onward, loop, get("/for-two"));  // shows that the first answer is over
  story_->recv(onward, loop, kOk);
  story_->send(two, loop, kOk);
  story_->send(one, loop, kOk);
  std::map<std::string, SpanRecord> by_path;
  for (const SpanRecord& span : spans_after_wait()) by_path[span.attribute("url.path")] = span;
  ASSERT_EQ(by_path.size(), 4u);
  EXPECT_EQ(by_path["/for-two"].parent_span_id, by_path["/two"].span_id);
}

TEST_F(TracerLossTest, LossBehindAnUnfinishedChunkedAnswerDoesNotShiftTheResponses) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, get("/1"));
  story_->send(server, kServerThread, kChunked, 300);
  EventStory::unseen_send(server, 20);  // its end
  story_->recv(server, kServerThread, get("/2"));
  EventStory::unseen_send(server, 120);  // all of the second answer
  story_->recv(server, kServerThread, get("/3"));
  story_->send(server, kServerThread, kNotFound);
  story_->recv(server, kServerThread, get("/4"));
  story_->send(server, kServerThread, kOk);
  const std::map<std::string, std::string> expected{
      {"/1", "200"}, {"/2", ""}, {"/3", ""}, {"/4", "200"}};
  EXPECT_EQ(status_by_path(spans_after_wait()), expected);
}

TEST_F(TracerLossTest, LastChunkBehindALossEndsNoOtherAnswer) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, get("/1"));
  story_->send(server, kServerThread, kChunked, 300);
  story_->recv(server, kServerThread, get("/2"));
  EventStory::unseen_send(server, 120);  // the first one's end and the second one's head
  story_->send(server, kServerThread, {}, 300, "x\r\n0\r\n\r\n");
  story_->recv(server, kServerThread, get("/3"));
  story_->send(server, kServerThread, kNotFound);
  const std::map<std::string, std::string> expected{{"/1", "200"}, {"/2", ""}, {"/3", "404"}};
  EXPECT_EQ(status_by_path(spans_after_wait()), expected);
}

TEST_F(TracerLossTest, ResponsesThatAreNeverSeenDoNotPileUpAndShift) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, get("/0"));
  story_->send(server, kServerThread, kOk);
  for (const char* path : {"/1", "/2"}) {
    story_->recv(server, kServerThread, get(path));
    story_->send(server, kServerThread, {}, 150);  // a transfer whose buffer cannot be found
  }
  story_->recv(server, kServerThread, get("/3"));
  story_->send(server, kServerThread, kNotFound);
  const std::map<std::string, std::string> expected{
      {"/0", "200"}, {"/1", ""}, {"/2", ""}, {"/3", "404"}};
  EXPECT_EQ(status_by_path(spans_after_wait()), expected);
}

TEST_F(TracerLossTest, LossWhileOutOfStepEndsWhatMayHaveBeenAnswered) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, get("/0"));
  story_->send(server, kServerThread, kOk);
  story_->recv(server, kServerThread, get("/1"));
  story_->send(server, kServerThread, {}, 150);
  story_->recv(server, kServerThread, get("/2"));
  EventStory::unseen_send(server, 150);
  story_->recv(server, kServerThread, get("/3"));
  story_->send(server, kServerThread, kNotFound);
  const std::map<std::string, std::string> expected{
      {"/0", "200"}, {"/1", ""}, {"/2", ""}, {"/3", ""}};
  EXPECT_EQ(status_by_path(spans_after_wait()), expected);
}

TEST_F(TracerLossTest, FirstResponsesThatAreNeverSeenEndWithWhatTheyAnswer) {
  auto [client, server] = story_->connect_pair();
  for (const char* path : {"/1", "/2"}) {
    story_->recv(server, kServerThread, get(path));
    story_->send(server, kServerThread, {}, 150);
    EXPECT_EQ(tracer_->counters().connections.exchanges_ended,
              tracer_->counters().connections.exchanges_opened);
  }
}

TEST_F(TracerLossTest, AnswerToAHeadRequestThatWasNotSeenDoesNotSwallowTheNext) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, get("/1"));
  story_->send(server, kServerThread, kOk);
  EventStory::unseen_recv(server, 60);  // HEAD /2
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nContent-Length: 70\r\n\r\n");
  story_->recv(server, kServerThread, get("/3"));
  story_->send(server, kServerThread, kOk);
  story_->recv(server, kServerThread, get("/4"));
  story_->send(server, kServerThread, kNotFound);
  story_->recv(server, kServerThread, get("/5"));
  story_->send(server, kServerThread, kOk);
  auto found = status_by_path(spans_after_wait());
  EXPECT_TRUE(found["/3"].empty() || found["/3"] == "200") << found["/3"];
  EXPECT_EQ(found["/4"], "404");
  EXPECT_EQ(found["/5"], "200");
}

TEST_F(TracerLossTest, ConnectionWhoseFirstRequestWasLostKeepsItsRole) {
  auto [client, server] = story_->connect_pair();
  EventStory::unseen_recv(server, 80);
  story_->send(server, kServerThread, kOk);
  story_->recv(server, kServerThread, get("/second"));
  story_->send(server, kServerThread, kNotFound);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].kind, 2);
  EXPECT_EQ(all[0].attribute("http.response.status_code"), "404");
  EXPECT_EQ(conn().unmatched_responses, 1u);
}

TEST_F(TracerLossTest, RequestsBehindAnUpgradeDoNotStayOpenForEver) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread,
               "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
  story_->recv(server, kServerThread, get("/eager"));
  story_->send(server, kServerThread, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
  story_->close(server);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(tracer_->held(), 0u);
  EXPECT_EQ(conn().exchanges_opened, conn().exchanges_ended);
}

TEST_F(TracerLossTest, BodyBeyondTheSequenceNumbersIsCountedWhole) {
  auto [client, server] = story_->connect_pair();
  story_->recv(server, kServerThread, kGet);
  story_->send(server, kServerThread, "HTTP/1.1 200 OK\r\nContent-Length: 6442450944\r\n\r\n");
  for (int half_gib = 1; half_gib <= 12; ++half_gib) {
    story_->pass_ms(100'000);
    constexpr std::uint32_t kHalf = 1u << 29;
    if (half_gib % 2 != 0) {
      EventStory::unseen_send(server, kHalf);
    } else {
      story_->send(server, kServerThread, {}, kHalf);
    }
    spans();
  }
  const SpanRecord span = spans_after_wait().at(0);
  EXPECT_EQ(span.attribute("kernspan.partial"), "");
  EXPECT_EQ(span.attribute("http.response.body.size"), "6442450944");
}

}  // namespace
}  // namespace kernspan
