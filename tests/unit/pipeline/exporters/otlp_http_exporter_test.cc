#include "pipeline/exporters/otlp_http/otlp_http_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "pipeline/exporters/otlp_http/http_answer.h"
#include "pipeline/exporters/otlp_http/otlp_http_settings.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Kind = SendOutcome::Kind;

constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14T22:13:20Z

TEST(OtlpHttpAnswer, TheCollectorsTable) {
  const auto kind = [](long status) { return judge_http_answer({.status = status}, kNow).kind; };
  for (const long status : {200, 202, 204}) EXPECT_EQ(kind(status), Kind::kSent) << status;
  for (const long status : {429, 502, 503, 504}) {
    EXPECT_EQ(kind(status), Kind::kRetryable) << status;
  }
  for (const long status : {301, 307, 400, 401, 403, 404, 408, 500, 501, 505}) {
    EXPECT_EQ(kind(status), Kind::kPermanent) << status;
  }
  EXPECT_EQ(kind(413), Kind::kTooLarge);
}

TEST(OtlpHttpAnswer, RetryAfterIsSecondsOrADate) {
  const auto delay = [](const char* header) {
    return judge_http_answer({.status = 503, .retry_after = header}, kNow).asked_delay;
  };
  EXPECT_EQ(delay(""), 0s);
  EXPECT_EQ(delay("7"), 7s);
  EXPECT_EQ(delay("Tue, 14 Nov 2023 22:13:50 GMT"), 30s);
  EXPECT_EQ(delay("Tue, 14 Nov 2023 22:13:00 GMT"), 0s) << "in the past";
  EXPECT_EQ(delay("-5"), 0s);
  EXPECT_EQ(delay("soon"), 0s);
  EXPECT_EQ(delay("99999999999999999999"), 24h) << "nobody waits longer";
}

TEST(OtlpHttpAnswer, QuotesThePeersReason) {
  const auto message = [](const char* type, std::string body) {
    return judge_http_answer({.status = 400, .content_type = type, .body = std::move(body)}, kNow)
        .message;
  };
  EXPECT_EQ(message("application/x-protobuf", "\x08\x03\x12\x07no span"),
            "HTTP status 400: no span");
  EXPECT_EQ(message("application/json", R"({"code":3,"message":"no span"})"),
            "HTTP status 400: no span");
  EXPECT_EQ(message("application/json", "[1"), "HTTP status 400");
  EXPECT_EQ(message("text/plain", "two\nlines"), "HTTP status 400: two lines");
  EXPECT_EQ(message("application/x-protobuf", "\xFF\xFF"), "HTTP status 400");
  EXPECT_LT(message("text/html", std::string(100'000, 'x')).size(), 1100U);
}

TEST(OtlpHttpAnswer, ReadsPartialSuccess) {
  const auto judge = [](const char* type, std::string body) {
    return judge_http_answer({.status = 200, .content_type = type, .body = std::move(body)}, kNow);
  };
  const SendOutcome proto = judge("application/x-protobuf", "\x0A\x07\x08\x02\x12\x03old");
  EXPECT_EQ(proto.rejected_spans, 2U);
  EXPECT_EQ(proto.message, "old");
  const SendOutcome json =
      judge("application/json", R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"new"}})");
  EXPECT_EQ(json.rejected_spans, 3U);
  EXPECT_EQ(json.message, "new");
  EXPECT_EQ(
      judge("application/json", R"({"partialSuccess":{"rejectedDataPoints":4}})").rejected_spans,
      4U);
  // The peer took the request; what it said about it cannot be read.
  for (const char* type : {"application/json", "application/x-protobuf", "text/html"}) {
    EXPECT_EQ(judge(type, "\xFFgarbage").kind, Kind::kSent);
    EXPECT_EQ(judge(type, "\xFFgarbage").rejected_spans, 0U);
  }
}

Result<OtlpHttpExporterSettings> read(const std::string& yaml) {
  ConfigWarnings warnings;
  const ConfigNode node = ComponentStage::yaml(yaml);
  return read_otlp_http_settings(node, "exporters::otlp_http", Extensions(), warnings);
}

TEST(OtlpHttpSettingsTest, UrlsComeFromTheEndpointOrStandAlone) {
  const auto base = read("endpoint: http://gateway:4318/");
  ASSERT_TRUE(base) << base.error().message;
  EXPECT_EQ(base->traces_url, "http://gateway:4318/v1/traces");
  EXPECT_EQ(base->metrics_url, "http://gateway:4318/v1/metrics");
  EXPECT_EQ(base->sender.timeout, 30s);
  EXPECT_EQ(base->compression, HttpCompression::kGzip);
  EXPECT_EQ(base->encoding, HttpEncoding::kProto);
  EXPECT_EQ(read("{endpoint: 'http://a:1', traces_endpoint: 'https://b/x'}")->traces_url,
            "https://b/x");
  EXPECT_EQ(read("traces_endpoint: https://b/x")->metrics_url, "");
}

TEST(OtlpHttpSettingsTest, SaysWhatIsWrong) {
  EXPECT_THAT(read("{}").error().message, HasSubstr("at least one endpoint must be specified"));
  EXPECT_THAT(read("endpoint: gateway:4318").error().message, HasSubstr("is not a URL"));
  EXPECT_THAT(read("{endpoint: 'http://a', compression: snappy}").error().message,
              HasSubstr("use gzip, zstd, zlib, deflate or none"));
  EXPECT_THAT(read("{endpoint: 'http://a', encoding: xml}").error().message, HasSubstr("encoding"));
  EXPECT_THAT(read("{endpoint: 'http://a', headers: {x: \"a\\r\\nb\"}}").error().message,
              HasSubstr("characters that a header cannot have"));
}

TEST(OtlpHttpExporter, StartNamesTheEndpointThatIsMissing) {
  ComponentStage stage("otlp_http");
  stage.signals = kTracesAndMetrics;
  auto made = otlp_http_exporter_factory().create(
      ComponentStage::yaml("traces_endpoint: http://127.0.0.1:1/v1/traces"), stage.context());
  ASSERT_TRUE(made) << made.error().message;
  const Status started = (*made)->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("set endpoint or metrics_endpoint"));
}

TEST(OtlpHttpExporter, NobodyThereIsTriedAgainUntilTheEnd) {
  ComponentStage stage("otlp_http");
  auto made = otlp_http_exporter_factory().create(
      ComponentStage::yaml("endpoint: http://127.0.0.1:1\n"
                           "retry_on_failure: {initial_interval: 5ms, max_interval: 5ms}"),
      stage.context());
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE((*made)->start());
  EXPECT_TRUE((*made)->consume(*otlp::Batch::from_wire(otlp::reference_bytes(3))));
  const auto end = std::chrono::steady_clock::now() + kPatience;
  const auto retries = [&] {
    return stage.metric("kernspan_exporter_retries", {{"exporter", "otlp_http"}});
  };
  while (retries() < 3 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  (*made)->stop(std::chrono::steady_clock::now());
  EXPECT_GE(retries(), 3);
  EXPECT_EQ(stage.books.dropped("shutdown").value(), 3U);
  EXPECT_TRUE(stage.books.balance().balances());
}

}  // namespace
}  // namespace kernspan
