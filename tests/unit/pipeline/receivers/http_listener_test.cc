#include "pipeline/receivers/http/http_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/http_client.h"
#include "tests/unit/sanitized.h"

namespace kernspan {
namespace {

using std::chrono::milliseconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Says what it got; holds requests back as long as the test wants it to.
class EchoService final : public HttpService {
 public:
  std::optional<HttpServerAnswer> refuse(const HttpHead& head) const override {
    if (head.path != "/echo") return error(head, 404, "not here");
    if (head.method != "POST") return error(head, 405, "POST only");
    return std::nullopt;
  }
  Status admit(const HttpHead&, std::size_t bytes) override {
    return bytes == 13 ? retryable("13 is too much today") : Status();
  }
  HttpServerAnswer serve(const HttpHead& head, std::string body) override {
    std::unique_lock lock(mutex_);
    ++serving_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !hold_; });
    return {.content_type = "text/plain", .body = head.content_type + ":" + body};
  }
  HttpServerAnswer error(const HttpHead&, int status, std::string_view message) const override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message)};
  }
  Counter& refused(HttpRefusal reason) override { return refused_.at(reason); }

  void hold(bool hold) {
    const std::scoped_lock lock(mutex_);
    hold_ = hold;
    changed_.notify_all();
  }
  void wait_for(int serving) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, kPatience, [&] { return serving_ >= serving; }));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hold_ = false;
  int serving_ = 0;
  std::map<HttpRefusal, Counter> refused_ = [] {
    std::map<HttpRefusal, Counter> counters;
    for (int i = 0; i <= static_cast<int>(HttpRefusal::kTimeout); ++i) {
      counters.try_emplace(static_cast<HttpRefusal>(i));
    }
    return counters;
  }();
};

class HttpListenerTest : public ::testing::Test {
 protected:
  void listen(HttpServerSettings settings = {}) {
    settings.endpoint = "127.0.0.1:0";
    listener_ = std::make_unique<HttpListener>(
        settings, HttpListener::Environment{.path = path_,
                                            .service = service_,
                                            .authenticator = authenticator_,
                                            .closed_connections = closed_,
                                            .failed_handshakes = handshakes_,
                                            .tls_reload_failures = reloads_});
    const Status started = listener_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  HttpClient client() { return HttpClient(listener_->port()); }
  static std::string echo(const std::string& body, const std::string& headers = "") {
    return HttpClient::post("/echo", "text/plain; charset=utf-8", body, headers);
  }
  std::uint64_t refused(HttpRefusal reason) { return service_.refused(reason).value(); }
  void wait_for(const Counter& counter, std::uint64_t value) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (counter.value() < value && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    EXPECT_GE(counter.value(), value);
  }

  const std::string path_ = "receivers::test";
  EchoService service_;
  const ServerAuthenticator* authenticator_ = nullptr;
  Counter closed_;
  Counter handshakes_;
  Counter reloads_;
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(HttpListenerTest, ServesOneRequestAfterAnother) {
  listen();
  HttpClient client = this->client();
  for (const std::string body : {"one", "", "two"}) {
    const HttpReply reply = client.ask(echo(body));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "text/plain:" + body);
  }
}

TEST_F(HttpListenerTest, PipelinedRequestsAreAnsweredInOrder) {
  listen();
  HttpClient client = this->client();
  std::string all;
  for (int i = 0; i < 50; ++i) all += echo(std::to_string(i));
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(client.reply().body, "text/plain:" + std::to_string(i));
}

TEST_F(HttpListenerTest, TakesARequestByteByByteAndInChunks) {
  listen();
  HttpClient client = this->client();
  for (const char c : echo("slowly")) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.reply().body, "text/plain:slowly");
  EXPECT_EQ(client
                .ask("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
                .body,
            ":abcde");
}

TEST_F(HttpListenerTest, ClosesWhenTheClientWants) {
  listen();
  HttpClient client = this->client();
  EXPECT_TRUE(client.ask(echo("x", "Connection: close\r\n")).has("Connection: close"));
  EXPECT_TRUE(client.is_closed());
  HttpClient old = this->client();
  const HttpReply reply = old.ask("POST /echo HTTP/1.0\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_THAT(reply.head, StartsWith("HTTP/1.0 200 OK\r\n"));
  EXPECT_TRUE(old.is_closed());
}

TEST_F(HttpListenerTest, RefusesPathsAndMethodsAndGoesOn) {
  listen();
  HttpClient client = this->client();
  EXPECT_EQ(client.ask(HttpClient::post("/other?x=/echo", "", "body")).status, 404);
  EXPECT_TRUE(client.ask("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").has("Allow: POST"));
  ASSERT_TRUE(client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n" + echo("x")));
  EXPECT_TRUE(HttpReply(client.reply()).has("405 Method Not Allowed"));
  EXPECT_EQ(refused(HttpRefusal::kUnsupported), 3U);
}

TEST_F(HttpListenerTest, AHeadResponseHasNoBody) {
  listen();
  HttpClient client = this->client();
  ASSERT_TRUE(client.send("HEAD /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
  const HttpReply reply = client.reply();
  EXPECT_TRUE(reply.has("Content-Length: 9"));
  EXPECT_EQ(reply.body, "");
}

TEST_F(HttpListenerTest, BodiesAreBoundedOnTheWire) {
  listen({.max_request_body_size = 1000});
  EXPECT_EQ(client().ask(echo(std::string(1000, 'x'))).status, 200);
  const HttpReply reply = client().ask(echo(std::string(1001, 'x')));
  EXPECT_EQ(reply.status, 413);
  EXPECT_THAT(reply.body, HasSubstr("raise max_request_body_size"));
  // Two gigabytes, announced by a length and by a chunk; nobody waits for them.
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(client().ask(head + "Content-Length: 2147483648\r\n\r\nx").status, 413);
  EXPECT_EQ(client().ask(head + "Transfer-Encoding: chunked\r\n\r\n80000000\r\nx").status, 413);
  EXPECT_EQ(client().ask(head + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx").status,
            400);
  EXPECT_EQ(client().ask(head + "Content-Length: 99999999999999999999\r\n\r\nx").status, 400);
  EXPECT_EQ(refused(HttpRefusal::kTooLarge), 3U);
}

TEST_F(HttpListenerTest, HeadsAreBounded) {
  listen();
  const HttpReply reply =
      client().ask("POST /echo HTTP/1.1\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(reply.status, 431);
  HttpClient many = client();
  many.send("POST /echo HTTP/1.1\r\n");
  for (int i = 0; i < 10'000; ++i) {
    if (!many.send("X-" + std::to_string(i) + ": y\r\n")) break;
  }
  EXPECT_EQ(many.reply().status, 431);
  HttpClient chunks = client();
  chunks.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  for (int i = 0; i < 1000 && chunks.send(std::string(1000, 'x')); ++i) continue;
  EXPECT_EQ(chunks.reply().status, 400);
}

TEST_F(HttpListenerTest, GarbageIsAnsweredAndClosed) {
  listen();
  for (const std::string& garbage :
       {std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string("\x16\x03\x01\x02\x00\x01", 6),
        std::string("POST\r\n\r\n"), std::string(1000, '\0'),
        std::string("POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx")}) {
    HttpClient client = this->client();
    client.send(garbage);
    EXPECT_EQ(client.reply().status, 400) << garbage;
    EXPECT_TRUE(client.is_closed());
  }
  EXPECT_EQ(refused(HttpRefusal::kMalformed), 5U);
}

TEST_F(HttpListenerTest, DecompressesAndRefusesWhatItDoesNotKnow) {
  listen();
  const HttpReply reply = client().ask(echo("x", "Content-Encoding: snappy\r\n"));
  EXPECT_EQ(reply.status, 415);
  EXPECT_EQ(reply.body, "unsupported Content-Encoding \"snappy\"");
  EXPECT_EQ(client().ask(echo("not gzip", "Content-Encoding: gzip\r\n")).status, 400);
  EXPECT_EQ(client().ask(echo("plain", "Content-Encoding: identity\r\n")).status, 200);
}

TEST_F(HttpListenerTest, AsksBeforeItReads) {
  listen();
  HttpClient client = this->client();
  const HttpReply reply = client.ask(echo("thirteen char"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "13 is too much today");
  EXPECT_EQ(client.ask(echo("fewer")).status, 200);
  EXPECT_EQ(refused(HttpRefusal::kNotAdmitted), 1U);
}

TEST_F(HttpListenerTest, TellsAClientThatWaitsToGoOn) {
  listen();
  HttpClient client = this->client();
  ASSERT_TRUE(
      client.send("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  EXPECT_EQ(client.reply().status, 100);
  EXPECT_EQ(client.ask("abc").body, ":abc");
}

TEST_F(HttpListenerTest, AnswersPreflights) {
  listen({.cors = {.allowed_origins = {"https://a.example"}}});
  HttpClient client = this->client();
  const HttpReply reply = client.ask(
      "OPTIONS /echo HTTP/1.1\r\nOrigin: https://a.example\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(reply.status, 204);
  EXPECT_TRUE(reply.has("Access-Control-Allow-Origin: https://a.example\r\n"));
  EXPECT_TRUE(client.ask(echo("x", "Origin: https://a.example\r\n"))
                  .has("Access-Control-Allow-Origin: https://a.example\r\n"));
  EXPECT_FALSE(client.ask(echo("x", "Origin: https://b.example\r\n")).has("Access-Control-Allow"));
}

class TokenAuthenticator final : public ServerAuthenticator {
 public:
  Status authenticate(const RequestHeaders& headers) const override {
    return headers("authorization") == "Bearer good" ? Status() : permanent("a token is missing");
  }
};

TEST_F(HttpListenerTest, LetsNobodyInWithoutAToken) {
  const TokenAuthenticator token;
  authenticator_ = &token;
  listen();
  HttpClient client = this->client();
  const HttpReply reply = client.ask(echo("x"));
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.body, "a token is missing");
  EXPECT_EQ(client.ask(echo("x", "Authorization: Bearer bad\r\n")).status, 401);
  EXPECT_EQ(client.ask(HttpClient::post("/other", "", "")).status, 401);
  EXPECT_EQ(client.ask(echo("x", "authorization: Bearer good\r\n")).status, 200);
  EXPECT_EQ(refused(HttpRefusal::kUnauthenticated), 3U);
  listener_.reset();
}

TEST_F(HttpListenerTest, ClosesWhoDoesNotFinishAHead) {
  listen({.read_header_timeout = milliseconds(50)});
  HttpClient silent = client();
  HttpClient slow = client();
  slow.send("POST /echo HTTP/1.1\r\nHost");
  EXPECT_TRUE(slow.is_closed());
  EXPECT_TRUE(silent.is_closed());
  EXPECT_EQ(refused(HttpRefusal::kTimeout), 1U);
}

TEST_F(HttpListenerTest, ClosesWhoDoesNotFinishABody) {
  listen({.read_timeout = milliseconds(50)});
  HttpClient slow = client();
  slow.send("POST /echo HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf of");
  EXPECT_TRUE(slow.is_closed());
  EXPECT_EQ(refused(HttpRefusal::kTimeout), 1U);
}

TEST_F(HttpListenerTest, ClosesWhoIsIdle) {
  listen({.idle_timeout = milliseconds(50)});
  HttpClient client = this->client();
  EXPECT_EQ(client.ask(echo("x")).status, 200);
  EXPECT_TRUE(client.is_closed());
  EXPECT_EQ(refused(HttpRefusal::kTimeout), 0U);
}

// Heads that do not end must not keep others out.
TEST_F(HttpListenerTest, ANewConnectionReplacesTheOneThatWaitsLongest) {
  listen({.max_connections = 8});
  std::vector<HttpClient> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(client());
    slow.back().send("POST /echo HTTP/1.1\r\nX-Slow: ");
  }
  EXPECT_EQ(client().ask(echo("served")).body, "text/plain:served");
  EXPECT_TRUE(slow.front().is_closed());
  wait_for(closed_, 93);
}

TEST_F(HttpListenerTest, AtMost64RequestsAreInWork) {
  listen();
  service_.hold(true);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(client());
    clients.back().send(echo("held"));
  }
  service_.wait_for(4);
  // One that came when the others had: after all of them are in.
  HttpReply reply;
  for (int i = 0; i < 100 && reply.status != 429; ++i) {
    HttpClient late = client();
    const bool sent = late.send(echo("late", "Connection: close\r\n"));
    ASSERT_TRUE(sent);
    clients.push_back(std::move(late));
    if (refused(HttpRefusal::kOverloaded) > 0) break;
    std::this_thread::sleep_for(milliseconds(5));
  }
  wait_for(service_.refused(HttpRefusal::kOverloaded), 1);
  service_.hold(false);
  int served = 0;
  int refused = 0;
  for (HttpClient& client : clients) {
    const HttpReply got = client.reply();
    served += got.status == 200 ? 1 : 0;
    refused += got.status == 429 && got.has("Retry-After: 1\r\n") ? 1 : 0;
  }
  EXPECT_EQ(served + refused, static_cast<int>(clients.size()));
  EXPECT_GE(served, 64);
  EXPECT_GE(refused, 1);
}

// 16 MiB in the middle of bodies of 16 MiB each, 64 MiB at a time.
TEST_F(HttpListenerTest, AllBodiesTogetherAreBounded) {
  constexpr std::size_t kBody = 16 << 20;
  listen({.max_request_body_size = kBody});
  const std::string head =
      "POST /echo HTTP/1.1\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n";
  const std::string most(kBody - 1, 'x');
  std::vector<HttpClient> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(client());
    clients.back().send(head);
    clients.back().send(most);
  }
  wait_for(service_.refused(HttpRefusal::kOverloaded), 1);
  int served = 0;
  for (HttpClient& client : clients) {
    client.send("x");
    served += client.reply().status == 200 ? 1 : 0;
  }
  EXPECT_EQ(served, 4);
}

TEST_F(HttpListenerTest, StopLetsARequestEndAndIsIdempotent) {
  listen();
  service_.hold(true);
  HttpClient idle = client();
  HttpClient busy = client();
  ASSERT_TRUE(busy.send(echo("x")));
  service_.wait_for(1);
  auto stopped = std::async(std::launch::async,
                            [&] { listener_->stop(std::chrono::steady_clock::now() + kPatience); });
  EXPECT_TRUE(idle.is_closed());
  service_.hold(false);
  const HttpReply reply = busy.reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.has("Connection: close"));
  stopped.wait();
  listener_->stop(std::chrono::steady_clock::now());
  EXPECT_FALSE(HttpClient(listener_->port()).connected());
}

TEST_F(HttpListenerTest, StopDoesNotWaitForASlowClient) {
  listen();
  HttpClient slow = client();
  slow.send("POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nx");
  listener_->stop(std::chrono::steady_clock::now() + milliseconds(50));
  EXPECT_TRUE(slow.is_closed());
}

TEST_F(HttpListenerTest, TwoCannotListenOnOnePort) {
  listen();
  HttpListener second({.endpoint = "127.0.0.1:" + std::to_string(listener_->port())},
                      {.path = path_,
                       .service = service_,
                       .authenticator = nullptr,
                       .closed_connections = closed_,
                       .failed_handshakes = handshakes_,
                       .tls_reload_failures = reloads_});
  const Status started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, StartsWith("receivers::test: cannot listen on 127.0.0.1:"));
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

TEST_F(HttpListenerTest, TenThousandIdleConnectionsCostLittle) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 16'000) GTEST_SKIP() << "the limit of open files is below 16,000";
  listen();
  const std::size_t before = resident_bytes();
  std::vector<HttpClient> idle;
  for (int i = 0; i < 10'000; ++i) {
    idle.push_back(client());
    ASSERT_TRUE(idle.back().connected()) << i;
    if (i % 3 == 0) idle.back().send("POST /echo HTTP/1.1\r\n");
  }
  EXPECT_EQ(client().ask(echo("served")).body, "text/plain:served");
  wait_for(closed_, 10'000 - 4096);
  if (!kSanitized) {
    EXPECT_LT(resident_bytes() - before, 64U << 20);
  }
}

}  // namespace
}  // namespace kernspan
