#include "pipeline/extensions/health_check/health_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/component/config_yaml.h"
#include "pipeline/component/service_view.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/http_get.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class GivenReadiness final : public ServiceView {
 public:
  const std::vector<Pipeline>& pipelines() const override { return pipelines_; }
  const std::vector<std::string>& extensions() const override { return extensions_; }
  const Ledger& ledger() const override { return ledger_; }
  Samples samples(std::string_view) const override { return {}; }
  Status readiness() const override { return ready; }

  Status ready;

 private:
  std::vector<Pipeline> pipelines_;
  std::vector<std::string> extensions_;
  Ledger ledger_;
};

class HealthCheckTest : public ::testing::Test {
 protected:
  // Returns what is wrong with the settings; empty when nothing is.
  std::string create(const std::string& yaml) {
    const Result<ConfigNode> node =
        parse_config(yaml, "a.yaml", [](std::string_view) { return std::nullopt; }, warnings_);
    EXPECT_TRUE(node) << node.error().message;
    const ComponentContext context{.id = "health_check",
                                   .path = "extensions::health_check",
                                   .pipeline = "",
                                   .signals = {},
                                   .extensions = extensions_,
                                   .metrics = metrics_,
                                   .ledger = ledger_,
                                   .books = books_,
                                   .clock = clock_,
                                   .warnings = warnings_};
    Result<std::unique_ptr<Extension>> made =
        health_check_extension_factory().create(*node, context);
    if (!made) return made.error().message;
    extension_ = *std::move(made);
    return "";
  }

  // Starts on a port that is free, or was a moment ago.
  void start(const std::string& more = "") {
    for (int port = 28133; port < 28233; ++port) {
      ASSERT_EQ(create("endpoint: 127.0.0.1:" + std::to_string(port) + "\n" + more), "");
      dynamic_cast<ServiceObserver&>(*extension_).observe(view_);
      if (!extension_->start()) continue;
      port_ = static_cast<std::uint16_t>(port);
      return;
    }
    FAIL() << "no free port";
  }

  FakeClock clock_;
  Extensions extensions_;
  Metrics metrics_;
  Ledger ledger_;
  StageBooks books_{"", ""};
  ConfigWarnings warnings_;
  GivenReadiness view_;
  std::unique_ptr<Extension> extension_;
  std::uint16_t port_ = 0;
};

TEST_F(HealthCheckTest, IsHealthyWhileThePipelinesRun) {
  start();
  EXPECT_THAT(http_get(port_, "/"), StartsWith("HTTP/1.1 503 "));
  extension_->pipelines_ready();
  clock_.advance(90s);
  const std::string answer = http_get(port_, "/");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, EndsWith(R"({"status":"Server available","upSince":"2023-11-14T22:13:20Z",)"
                               R"("uptime":"1m30s"})"));
  extension_->pipelines_not_ready();
  EXPECT_THAT(http_get(port_, "/"), StartsWith("HTTP/1.1 503 "));
  extension_->stop({});
  EXPECT_EQ(http_get(port_, "/"), "");
}

TEST_F(HealthCheckTest, IsNotReadyWhileAPipelineRefuses) {
  start();
  EXPECT_THAT(http_get(port_, "/ready"), StartsWith("HTTP/1.1 503 "));
  extension_->pipelines_ready();
  EXPECT_THAT(http_get(port_, "/ready"), StartsWith("HTTP/1.1 200 "));
  view_.ready = retryable("pipeline traces refuses: full");
  const std::string answer = http_get(port_, "/ready");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\npipeline traces refuses: full\n"));
  EXPECT_THAT(http_get(port_, "/"), StartsWith("HTTP/1.1 200 ")) << "a restart would not help";
}

TEST_F(HealthCheckTest, TakesAPathAndBodies) {
  start("path: /health\nresponse_body: {healthy: fine, unhealthy: ill}\n");
  EXPECT_THAT(http_get(port_, "/health"), EndsWith("\r\n\r\nill"));
  extension_->pipelines_ready();
  EXPECT_THAT(http_get(port_, "/health"), EndsWith("\r\n\r\nfine"));
  EXPECT_THAT(http_get(port_, "/"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(HealthCheckTest, RefusesWrongSettings) {
  EXPECT_THAT(
      create("endpoint: abc\npath: x\nport: 1\n"),
      "a.yaml:1:11: extensions::health_check::endpoint: \"abc\" is not host:port; write for "
      "example 0.0.0.0:4317 or [::]:4317\n"
      "a.yaml:2:7: extensions::health_check::path: must begin with a slash\n"
      "a.yaml:3:1: extensions::health_check: unknown key \"port\"; known keys: "
      "check_collector_pipeline, endpoint, path, readiness_path, response_body");
  EXPECT_THAT(create("path: /x\nreadiness_path: /x\n"), HasSubstr("must differ from path"));
}

}  // namespace
}  // namespace kernspan
