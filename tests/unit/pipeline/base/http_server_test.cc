#include "pipeline/base/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/http_get.h"

namespace kernspan {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void listen(const std::string& endpoint = "127.0.0.1:0") {
    Result<std::unique_ptr<HttpServer>> made = HttpServer::listen(
        endpoint, {{"/metrics", [] { return HttpResponse{.body = "spans 1\n"}; }},
                   {"/down", [] { return HttpResponse{.status = 503, .body = "no\n"}; }}});
    ASSERT_TRUE(made) << made.error().message;
    server_ = *std::move(made);
    ASSERT_NE(server_->port(), 0);
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ServesAPath) {
  ASSERT_NO_FATAL_FAILURE(listen());
  const std::string answer = http_get(server_->port(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 8\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nspans 1\n"));
  EXPECT_THAT(http_get(server_->port(), "/metrics?a=b"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(http_get(server_->port(), "/down"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  ASSERT_NO_FATAL_FAILURE(listen());
  const std::string answer = http_request(server_->port(), "HEAD", "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesEverythingElse) {
  ASSERT_NO_FATAL_FAILURE(listen());
  EXPECT_THAT(http_get(server_->port(), "/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(http_get(server_->port(), "/metrics/x"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(http_get(server_->port(), "/../../etc/passwd"), ::testing::Not(HasSubstr("root:")));
  EXPECT_THAT(http_request(server_->port(), "POST", "/metrics"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(http_request(server_->port(), "DELETE", "/metrics"), StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, TakesHostNamesAndEveryInterface) {
  ASSERT_NO_FATAL_FAILURE(listen("localhost:0"));
  EXPECT_THAT(http_get(server_->port(), "/metrics"), StartsWith("HTTP/1.1 200 "));
  ASSERT_NO_FATAL_FAILURE(listen(":0"));
  EXPECT_THAT(http_get(server_->port(), "/metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  ASSERT_NO_FATAL_FAILURE(listen());
  const std::string taken = "127.0.0.1:" + std::to_string(server_->port());
  const Result<std::unique_ptr<HttpServer>> second = HttpServer::listen(taken, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("cannot listen on " + taken));
  EXPECT_FALSE(HttpServer::listen("nonsense", {}));
}

TEST_F(HttpServerTest, StopsListeningWhenDestroyed) {
  ASSERT_NO_FATAL_FAILURE(listen());
  const std::uint16_t port = server_->port();
  server_.reset();
  EXPECT_EQ(http_get(port, "/metrics"), "");
}

}  // namespace
}  // namespace kernspan
