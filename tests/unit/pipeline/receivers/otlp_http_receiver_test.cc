#include "pipeline/receivers/otlp/otlp_http_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/http_client.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using otlp::reference_bytes;
using ::testing::HasSubstr;

constexpr const char* kProtobuf = "application/x-protobuf";
constexpr const char* kJson = "application/json";

class OtlpHttpReceiverTest : public ::testing::Test {
 protected:
  void listen(OtlpHttpServerSettings settings = {}) {
    settings.server.endpoint = "127.0.0.1:0";
    receiver_ = std::make_unique<OtlpHttpReceiver>(stage_.context(), settings, consumer_);
    const Status started = receiver_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  HttpReply post(const std::string& path, const std::string& type, const std::string& body,
                 const std::string& headers = "") {
    return HttpClient(receiver_->port()).ask(HttpClient::post(path, type, body, headers));
  }
  double counted(const std::string& name) {
    return stage_.metric(name, {{"receiver", "otlp"}, {"transport", "http"}});
  }
  double refused_requests(const std::string& reason) {
    return stage_.metric("kernspan_receiver_refused_requests",
                         {{"receiver", "otlp"}, {"transport", "http"}, {"reason", reason}});
  }

  ComponentStage stage_{"otlp"};
  RememberingConsumer consumer_;
  std::unique_ptr<OtlpHttpReceiver> receiver_;
};

TEST_F(OtlpHttpReceiverTest, PassesProtobufOnAsItCame) {
  listen();
  const std::string request = reference_bytes(3);
  const HttpReply reply = post("/v1/traces", kProtobuf, request);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.has("Content-Type: application/x-protobuf"));
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(consumer_.bytes(), request);
  EXPECT_EQ(counted("otelcol_receiver_accepted_spans"), 3);
  EXPECT_EQ(counted("otelcol_receiver_failed_spans"), 0);
  EXPECT_TRUE(stage_.books.balance().balances());
}

TEST_F(OtlpHttpReceiverTest, TakesJson) {
  listen();
  const HttpReply reply =
      post("/v1/traces", "application/json; charset=utf-8",
           R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":"b"}]}]}]})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.has("Content-Type: application/json"));
  EXPECT_EQ(nlohmann::json::parse(reply.body), nlohmann::json::parse(R"({"partialSuccess":{}})"));
  EXPECT_EQ(consumer_.spans(), 2U);
  EXPECT_EQ(post("/v1/traces", kJson, "{}").status, 200);
  EXPECT_EQ(consumer_.spans(), 2U);
}

TEST_F(OtlpHttpReceiverTest, TakesMetricsWhereAPipelineDoes) {
  stage_.signals = kTracesAndMetrics;
  listen();
  const std::string json =
      R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]})";
  EXPECT_EQ(post("/v1/metrics", kJson, json).status, 200);
  EXPECT_EQ(counted("otelcol_receiver_accepted_metric_points"), 1);
  receiver_.reset();
  stage_.signals = kTracesOnly;
  listen();
  const HttpReply reply = post("/v1/metrics", kJson, json);
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, HasSubstr("no pipeline of metrics has this receiver"));
}

TEST_F(OtlpHttpReceiverTest, ErrorsAreStatusesInTheRequestsEncoding) {
  listen();
  const HttpReply json = post("/v1/traces", kJson, R"({"resourceSpans":5})");
  EXPECT_EQ(json.status, 400);
  const auto status = nlohmann::json::parse(json.body);
  EXPECT_EQ(status["code"], 3);
  EXPECT_EQ(status["message"], "malformed OTLP JSON: resourceSpans is not an array");
  const HttpReply protobuf = post("/v1/traces", kProtobuf, "\x0A\x05");
  EXPECT_EQ(protobuf.status, 400);
  EXPECT_TRUE(protobuf.has("Content-Type: application/x-protobuf"));
  EXPECT_THAT(protobuf.body, ::testing::StartsWith("\x08\x03\x12"));
  EXPECT_THAT(protobuf.body, HasSubstr("malformed ExportTraceServiceRequest"));
  EXPECT_EQ(refused_requests("malformed"), 2);
}

TEST_F(OtlpHttpReceiverTest, MapsErrorsAsUpstream) {
  listen();
  consumer_.answer_next({ErrorKind::kRetryable, "full"});
  EXPECT_EQ(post("/v1/traces", kProtobuf, reference_bytes(2)).status, 503);
  consumer_.answer_next({ErrorKind::kPermanent, "no"});
  EXPECT_EQ(post("/v1/traces", kProtobuf, reference_bytes(2)).status, 500);
  EXPECT_EQ(counted("otelcol_receiver_refused_spans"), 4);
  EXPECT_EQ(stage_.books.balance().refused, 4U);
  EXPECT_EQ(post("/v1/traces", "text/plain", "x").status, 415);
  EXPECT_EQ(post("/v1/traces", "", "x").status, 415);
  EXPECT_EQ(post("/v1/logs", kJson, "{}").status, 404);
  EXPECT_EQ(post("/v1/traces/", kJson, "{}").status, 404);
}

TEST_F(OtlpHttpReceiverTest, PathsMayBeOthers) {
  OtlpHttpServerSettings settings;
  settings.traces_path = "/in";
  listen(settings);
  EXPECT_EQ(post("/in", kProtobuf, reference_bytes(1)).status, 200);
  EXPECT_EQ(post("/v1/traces", kProtobuf, reference_bytes(1)).status, 404);
}

TEST_F(OtlpHttpReceiverTest, ABombIsRefusedByItsSize) {
  OtlpHttpServerSettings settings;
  settings.server.max_request_body_size = 1 << 20;
  listen(settings);
  const std::string zeros(64 << 20, '\0');
  std::string bomb(compressBound(zeros.size()), '\0');
  uLongf size = bomb.size();
  compress(reinterpret_cast<Bytef*>(bomb.data()), &size,
           reinterpret_cast<const Bytef*>(zeros.data()), zeros.size());
  bomb.resize(size);
  const HttpReply reply = post("/v1/traces", kJson, bomb, "Content-Encoding: deflate\r\n");
  EXPECT_EQ(reply.status, 413);
  EXPECT_THAT(reply.body, HasSubstr("larger than 1048576 bytes when decompressed"));
  EXPECT_EQ(refused_requests("too_large"), 1);
}

TEST_F(OtlpHttpReceiverTest, AMissingAuthenticatorIsAnErrorAtStart) {
  OtlpHttpServerSettings settings;
  settings.server.endpoint = "127.0.0.1:0";
  settings.server.authenticator = "bearertokenauth";
  OtlpHttpReceiver receiver(stage_.context(), settings, consumer_);
  const Status started = receiver.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message,
              HasSubstr("protocols::http::auth::authenticator: no extension \"bearertokenauth\""));
}

}  // namespace
}  // namespace kernspan
