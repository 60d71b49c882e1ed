#include "tools/kernspan/health/health.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pipeline/base/http_server.h"
#include "tests/unit/tools/kernspan/run_command.h"

namespace kernspan::tools {
namespace {

using ::testing::HasSubstr;

class HealthTest : public ::testing::Test {
 protected:
  HealthTest() {
    auto server =
        HttpServer::listen("127.0.0.1:0", {{"/", [this] { return alive_; }},
                                           {"/ready", [this] { return ready_; }},
                                           {"/elsewhere", [this] { return elsewhere_; }}});
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    endpoint_ = "127.0.0.1:" + std::to_string(server_->port());
  }

  // Runs `health` with these arguments; what it prints is in out_ and err_.
  int health(std::vector<std::string> arguments) {
    CommandResult result = run_command(declare_health, std::move(arguments));
    out_ = std::move(result.out);
    err_ = std::move(result.err);
    return result.code;
  }

  HttpResponse alive_{.body = "alive\n"};
  HttpResponse ready_{.status = 503, .body = "pipeline traces refuses: full\nmore\n"};
  HttpResponse elsewhere_{.body = std::string(100'000, 'x')};
  std::unique_ptr<HttpServer> server_;
  std::string endpoint_;
  std::string out_;
  std::string err_;
};

TEST_F(HealthTest, SaysWhatTheDaemonSays) {
  EXPECT_EQ(health({endpoint_}), 0);
  EXPECT_EQ(out_, "alive\n");
  EXPECT_EQ(err_, "");
  EXPECT_EQ(health({endpoint_, "--ready"}), 1);
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "GET http://" + endpoint_ + "/ready: 503: pipeline traces refuses: full\n");
  ready_ = {.body = "ready\n"};
  EXPECT_EQ(health({"http://" + endpoint_ + "/", "--ready"}), 0);
}

TEST_F(HealthTest, OtherPathsAndLongAnswers) {
  EXPECT_EQ(health({endpoint_, "--path", "/elsewhere"}), 0);
  EXPECT_EQ(out_, std::string(4096, 'x') + "\n");
  EXPECT_EQ(health({endpoint_, "--path", "/nothing"}), 1);
  EXPECT_THAT(err_, HasSubstr("/nothing: 404"));
}

TEST_F(HealthTest, ControlCharactersStayOut) {
  alive_ = {.body =
                "\x1b[2J"
                "fine\x07"};
  EXPECT_EQ(health({endpoint_}), 0);
  EXPECT_EQ(out_, "[2Jfine\n");
}

TEST_F(HealthTest, NobodyListens) {
  server_.reset();
  EXPECT_EQ(health({endpoint_}), 1);
  EXPECT_THAT(err_, HasSubstr("is the daemon running, with the extension health_check"));
}

TEST_F(HealthTest, NoAnswerInTime) {
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(silent, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(silent, 1), 0);
  ASSERT_EQ(getsockname(silent, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string endpoint = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  EXPECT_EQ(health({endpoint, "--timeout", "20ms"}), 1);
  EXPECT_THAT(err_, HasSubstr("timed out"));
  close(silent);
}

TEST_F(HealthTest, WrongArguments) {
  for (const char* timeout : {"0s", "soon", "11m", "-1s"}) {
    EXPECT_EQ(health({endpoint_, std::string("--timeout=") + timeout}), 1) << timeout;
    EXPECT_THAT(err_, HasSubstr("is not a duration between 1ms and 10m"));
  }
  EXPECT_EQ(health({endpoint_, "--path", "health"}), 1);
  EXPECT_THAT(err_, HasSubstr("must begin with a slash"));
  EXPECT_EQ(health({"https://" + endpoint_}), 1);
  EXPECT_EQ(health({"no endpoint"}), 1);
}

}  // namespace
}  // namespace kernspan::tools
