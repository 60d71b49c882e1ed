#include "pipeline/receivers/otlp/otlp_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<OtlpReceiverSettings> read(const std::string& yaml, ConfigWarnings* warnings = nullptr) {
  ConfigWarnings ignored;
  const ConfigNode node = ComponentStage::yaml(yaml);
  return read_otlp_receiver_settings(node, "receivers::otlp", warnings ? *warnings : ignored);
}

std::string problem(const std::string& yaml) {
  const auto settings = read(yaml);
  EXPECT_FALSE(settings) << yaml;
  return settings ? "" : settings.error().message;
}

TEST(OtlpReceiverSettings, Defaults) {
  const auto settings = read("protocols:\n  grpc:\n  http:\n");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->grpc->endpoint, "localhost:4317");
  EXPECT_EQ(settings->grpc->max_recv_msg_size_bytes, 4U << 20);
  EXPECT_FALSE(settings->grpc->tls.enabled);
  const HttpServerSettings& http = settings->http->server;
  EXPECT_EQ(http.endpoint, "localhost:4318");
  EXPECT_EQ(http.max_request_body_size, 20U << 20);
  EXPECT_EQ(http.read_header_timeout, seconds(60));
  EXPECT_EQ(http.idle_timeout, seconds(60));
  EXPECT_EQ(settings->http->traces_path, "/v1/traces");
  EXPECT_FALSE(read("protocols: {http: {}}")->grpc);
  EXPECT_FALSE(read("protocols: {grpc: {}}")->http);
}

TEST(OtlpReceiverSettings, ReadsTheKeysOfGrpc) {
  const auto settings = read(R"(
protocols:
  grpc:
    endpoint: 0.0.0.0:1234
    max_recv_msg_size_mib: 16
    max_concurrent_streams: 7
    read_buffer_size: 524288
    keepalive:
      server_parameters: {max_connection_age: 60s, max_connection_age_grace: 10s, time: 30s, timeout: 5s}
      enforcement_policy: {min_time: 10s, permit_without_stream: true}
    auth: {authenticator: bearertokenauth}
    tls: {cert_file: a.pem, key_file: b.pem, client_ca_file: c.pem, reload_interval: 5s}
)");
  ASSERT_TRUE(settings) << settings.error().message;
  const GrpcServerSettings& grpc = *settings->grpc;
  EXPECT_EQ(grpc.endpoint, "0.0.0.0:1234");
  EXPECT_EQ(grpc.max_recv_msg_size_bytes, 16U << 20);
  EXPECT_EQ(grpc.max_concurrent_streams, 7U);
  EXPECT_EQ(grpc.read_buffer_bytes, 524288U);
  EXPECT_EQ(grpc.keepalive.max_connection_age, seconds(60));
  EXPECT_EQ(grpc.keepalive.min_time, seconds(10));
  EXPECT_TRUE(grpc.keepalive.permit_without_stream);
  EXPECT_FALSE(grpc.keepalive.max_connection_idle);
  EXPECT_EQ(grpc.authenticator, "bearertokenauth");
  EXPECT_EQ(grpc.tls.reload_interval, seconds(5));
}

TEST(OtlpReceiverSettings, ReadsTheKeysOfHttp) {
  ConfigWarnings warnings;
  const auto settings = read(R"(
protocols:
  http:
    endpoint: localhost:1
    traces_url_path: in/traces
    max_request_body_size: 1048576
    compression_algorithms: ["", gzip, snappy]
    include_metadata: true
    response_headers: {X-Served-By: kernspan}
    cors: {allowed_origins: ["https://*.example.com"], allowed_headers: ["X-Token"], max_age: 600}
    tls: {cert_pem: A, key_pem: B, min_version: "1.3", cipher_suites: [TLS_AES_128_GCM_SHA256]}
)",
                             &warnings);
  ASSERT_TRUE(settings) << settings.error().message;
  const HttpServerSettings& http = settings->http->server;
  EXPECT_EQ(settings->http->traces_path, "/in/traces");
  EXPECT_EQ(http.max_request_body_size, 1048576U);
  EXPECT_THAT(http.encodings, ElementsAre(ContentEncoding::kGzip));
  EXPECT_EQ(http.cors.max_age_s, 600);
  EXPECT_EQ(http.tls.min_version, TlsVersion::k13);
  EXPECT_THAT(warnings.messages, ElementsAre(HasSubstr("snappy is not supported here"),
                                             HasSubstr("include_metadata")));
}

TEST(OtlpReceiverSettings, SaysWhatIsWrong) {
  EXPECT_THAT(problem("{}"), HasSubstr("a receiver needs a protocol"));
  EXPECT_THAT(problem("protocols: {grpc: {endpoint: 5}}"), HasSubstr("endpoint"));
  EXPECT_THAT(problem("protocols: {http: {compression_algorithms: [brotli]}}"),
              HasSubstr("unknown algorithm \"brotli\""));
  EXPECT_THAT(problem("protocols: {http: {traces_url_path: /a, metrics_url_path: /a}}"),
              HasSubstr("is the same as traces_url_path"));
  EXPECT_THAT(problem("protocols: {http: {auth: {}}}"), HasSubstr("name the extension"));
  EXPECT_THAT(problem("protocols: {http: {response_headers: {\"a b\": c}}}"),
              HasSubstr("no HTTP header can have"));
}

TEST(OtlpReceiverSettings, SaysWhatIsWrongWithTls) {
  const auto tls = [](const char* protocol, const std::string& keys) {
    return problem(std::string("protocols: {") + protocol + ": {tls: {" + keys + "}}}");
  };
  EXPECT_THAT(tls("grpc", ""), AllOf(HasSubstr("cert_file"), HasSubstr("key_file")));
  EXPECT_THAT(tls("http", "cert_file: a, cert_pem: b, key_file: c"), HasSubstr("keep one of them"));
  const std::string pair = "cert_file: a, key_file: b, ";
  EXPECT_THAT(tls("grpc", pair + "min_version: '1.3'"), HasSubstr("cannot be set for gRPC"));
  EXPECT_THAT(tls("grpc", pair + "cipher_suites: [X]"), HasSubstr("cannot be set for gRPC"));
  EXPECT_THAT(tls("http", pair + "min_version: '1.3', max_version: '1.2'"), HasSubstr("is below"));
  EXPECT_THAT(tls("http", pair + "min_version: '1.1'"), HasSubstr("min_version"));
  EXPECT_THAT(tls("http", pair + "include_system_ca_certs_pool: true"),
              HasSubstr("would let every public authority"));
}

}  // namespace
}  // namespace kernspan
