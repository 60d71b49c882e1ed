#include "pipeline/exporters/otlp/otlp_exporter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/exporters/otlp/grpc_transport.h"
#include "pipeline/exporters/otlp/otlp_settings.h"
#include "tests/unit/pipeline/otlp/reference_request.h"
#include "tests/unit/pipeline/otlp_peers.h"

namespace kernspan {
namespace {

using otlp::reference_bytes;
using ::testing::HasSubstr;

constexpr char kFastRetry[] = "retry_on_failure: {initial_interval: 5ms, max_interval: 20ms}";

std::string plaintext(const std::string& endpoint, const std::string& more = kFastRetry) {
  return fmt::format("endpoint: {}\ntls: {{insecure: true}}\n{}\n", endpoint, more);
}

TEST(OtlpExporter, WhatTheReceiverGetsIsWhatWasSent) {
  for (const char* compression : {"gzip", "none"}) {
    ReceivingPeer receiver;
    SendingPeer exporter(
        plaintext(receiver.endpoint(), std::string("compression: ") + compression));
    EXPECT_TRUE(exporter.send(reference_bytes(100)));
    ASSERT_TRUE(receiver.consumer.wait_for_spans(100)) << compression;
    exporter.stop();
    EXPECT_EQ(receiver.consumer.bytes(), reference_bytes(100));
    const StageBalance books = exporter.stage.books.balance();
    EXPECT_EQ(books.passed_on, 100U);
    EXPECT_TRUE(books.balances());
    EXPECT_EQ(receiver.spans("accepted"), 100);
    EXPECT_TRUE(receiver.stage.books.balance().balances());
  }
}

TEST(OtlpExporter, SlicesOfABatchAreOneRequest) {
  ReceivingPeer receiver;
  SendingPeer exporter(plaintext(receiver.endpoint()));
  auto batch = otlp::Batch::from_wire(reference_bytes(10, "a"));
  auto other = otlp::Batch::from_wire(reference_bytes(20, "b"));
  batch->append(std::move(*other));
  EXPECT_TRUE(exporter.exporter->consume(std::move(*batch)));
  ASSERT_TRUE(receiver.consumer.wait_for_spans(30));
  EXPECT_THAT(receiver.consumer.sizes(), ::testing::ElementsAre(30U));
}

TEST(OtlpExporter, APipelineThatRefusesForNowGetsTheBatchAgain) {
  ReceivingPeer receiver;
  receiver.consumer.answer_next({ErrorKind::kRetryable, "full"});
  receiver.consumer.answer_next({ErrorKind::kRetryable, "full"});
  SendingPeer exporter(plaintext(receiver.endpoint()));
  EXPECT_TRUE(exporter.send(reference_bytes(7)));
  ASSERT_TRUE(receiver.consumer.wait_for_spans(7));
  exporter.stop();
  EXPECT_EQ(receiver.spans("refused"), 14);
  EXPECT_EQ(receiver.spans("accepted"), 7);
  EXPECT_EQ(exporter.stage.books.balance().passed_on, 7U);
}

TEST(OtlpExporter, APipelineThatRefusesForGoodEndsTheBatch) {
  ReceivingPeer receiver;
  receiver.consumer.answer_next({ErrorKind::kPermanent, "bad batch"});
  SendingPeer exporter(plaintext(receiver.endpoint()));
  EXPECT_TRUE(exporter.send(reference_bytes(7)));
  exporter.stop();
  EXPECT_EQ(exporter.dropped("permanent_error"), 7U);
  EXPECT_EQ(receiver.spans("refused"), 7);
}

// The receiver refuses the request as a whole, gRPC's way: it goes out in halves, and all arrives.
TEST(OtlpExporter, AMessageThatIsTooLargeIsSplit) {
  for (const char* compression : {"gzip", "none"}) {
    ReceivingPeer receiver(GrpcServerSettings{.max_recv_msg_size_bytes = 1024});
    SendingPeer exporter(
        plaintext(receiver.endpoint(), std::string("compression: ") + compression));
    EXPECT_TRUE(exporter.send(reference_bytes(300)));
    ASSERT_TRUE(receiver.consumer.wait_for_spans(300)) << compression;
    exporter.stop();
    EXPECT_EQ(exporter.stage.books.balance().passed_on, 300U);
    EXPECT_TRUE(exporter.stage.books.balance().balances());
    EXPECT_EQ(receiver.consumer.spans(), 300U);
  }
}

TEST(OtlpExporter, MaxRequestBytesSplitsBeforeSending) {
  ReceivingPeer receiver(GrpcServerSettings{.max_recv_msg_size_bytes = 1024});
  SendingPeer exporter(
      plaintext(receiver.endpoint(), "max_request_bytes: 1000\ncompression: none"));
  EXPECT_TRUE(exporter.send(reference_bytes(300)));
  ASSERT_TRUE(receiver.consumer.wait_for_spans(300));
  exporter.stop();
  EXPECT_EQ(receiver.refused_requests("no_message"), 0);
}

// A small message that grows large by decompression is refused like a large one.
TEST(OtlpExporter, TheSizeLimitHoldsForDecompressedMessages) {
  ReceivingPeer receiver(GrpcServerSettings{.max_recv_msg_size_bytes = 64 << 10});
  SendingPeer exporter(plaintext(receiver.endpoint(), "compression: gzip"));
  auto request = otlp::reference_request(1);
  request.mutable_resource_spans(0)->set_schema_url(std::string(8 << 20, 'x'));
  EXPECT_TRUE(exporter.send(request.SerializeAsString()));
  exporter.stop();
  EXPECT_EQ(exporter.dropped("too_large"), 1U);
  EXPECT_EQ(receiver.wait_for_refused_requests("too_large"), 1);
  EXPECT_EQ(receiver.spans("accepted"), 0);
}

TEST(OtlpExporter, APeerThatGoesAndComesBackCostsNoSpan) {
  auto first = std::make_unique<ReceivingPeer>();
  const std::string endpoint = first->endpoint();
  SendingPeer exporter(plaintext(endpoint));
  std::size_t sent = 0;
  const auto send_some = [&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(exporter.send(reference_bytes(10)));
      sent += 10;
    }
  };
  send_some();
  ASSERT_TRUE(first->consumer.wait_for_spans(10));
  // Dies with calls in progress: the deadline is now.
  first->receiver->stop(std::chrono::steady_clock::now());
  const std::size_t before = first->consumer.spans();
  first.reset();
  send_some();

  GrpcServerSettings settings;
  settings.endpoint = endpoint;
  ReceivingPeer second(settings);
  send_some();
  ASSERT_TRUE(second.consumer.wait_for_spans(sent - before));
  exporter.stop();
  EXPECT_GE(before + second.consumer.spans(), sent);
  const StageBalance books = exporter.stage.books.balance();
  EXPECT_EQ(books.passed_on, sent);
  EXPECT_EQ(books.dropped_total(), 0U);
}

TEST(OtlpExporter, StopGivesUpAtTheDeadline) {
  SendingPeer exporter(plaintext("127.0.0.1:1"));  // nobody listens there
  EXPECT_TRUE(exporter.send(reference_bytes(7)));
  exporter.stop(std::chrono::milliseconds{50});
  EXPECT_EQ(exporter.dropped("shutdown"), 7U);
  EXPECT_TRUE(exporter.stage.books.balance().balances());
}

// Certificates as openssl makes them, in a directory of their own.
class TlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 fmt::format("kernspan-tls-{}", std::random_device{}());
    std::filesystem::create_directories(directory_);
    const std::string command = fmt::format(
        "cd {0} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-keyout server.key -out server.pem -days 2 -subj /CN=collector "
        "-addext subjectAltName=DNS:collector 2>openssl.log && "
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-keyout client.key -out client.pem -days 2 -subj /CN=agent 2>>openssl.log",
        directory_.string());
    if (std::system(command.c_str()) != 0) GTEST_SKIP() << "openssl (the program) is missing";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string file(const char* name) const { return directory_ / name; }
  GrpcServerSettings server() const {
    return {.tls = {.enabled = true,
                    .cert_file = file("server.pem"),
                    .key_file = file("server.key"),
                    .client_ca_file = file("client.pem")}};
  }
  std::string client(const std::string& endpoint, const std::string& keys) const {
    return fmt::format(
        "endpoint: {}\ntls: {{ca_file: {}, server_name_override: collector{}}}\n{}\n", endpoint,
        file("server.pem"), keys, kFastRetry);
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(TlsTest, BothSidesShowTheirCertificates) {
  ReceivingPeer receiver(server());
  SendingPeer exporter(
      client(receiver.endpoint(),
             fmt::format(", cert_file: {}, key_file: {}", file("client.pem"), file("client.key"))));
  EXPECT_TRUE(exporter.send(reference_bytes(3)));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(3));
}

TEST_F(TlsTest, CertificatesMayStandInTheSettings) {
  ReceivingPeer receiver(server());
  const auto text = [&](const char* name) {
    std::string escaped;
    std::ifstream in(file(name));
    for (std::string line; std::getline(in, line);) escaped += line + "\\n";
    return '"' + escaped + '"';
  };
  SendingPeer exporter(fmt::format(
      "endpoint: {}\ntls: {{ca_pem: {}, cert_pem: {}, key_pem: {}, server_name_override: "
      "collector}}\n{}\n",
      receiver.endpoint(), text("server.pem"), text("client.pem"), text("client.key"), kFastRetry));
  EXPECT_TRUE(exporter.send(reference_bytes(3)));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(3));
}

TEST_F(TlsTest, InsecureSkipVerifyTakesAnyServer) {
  GrpcServerSettings settings = server();
  settings.tls.client_ca_file.clear();
  ReceivingPeer receiver(settings);
  SendingPeer refusing(fmt::format("endpoint: {}\n{}\n", receiver.endpoint(), kFastRetry));
  EXPECT_TRUE(refusing.send(reference_bytes(3)));
  refusing.stop(std::chrono::milliseconds{300});
  EXPECT_EQ(refusing.dropped("shutdown"), 3U) << "the system's authorities do not know it";
  SendingPeer exporter(fmt::format("endpoint: {}\ntls: {{insecure_skip_verify: true}}\n{}\n",
                                   receiver.endpoint(), kFastRetry));
  EXPECT_TRUE(exporter.send(reference_bytes(5)));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(5));
}

// The client starts with a certificate that the server does not take, and gets the right one while
// it runs.
TEST_F(TlsTest, FilesThatChangeAreReadAgain) {
  ReceivingPeer receiver(server());
  const auto put = [&](const char* from, const char* to) {
    std::filesystem::copy_file(file(from), file(to),
                               std::filesystem::copy_options::overwrite_existing);
  };
  put("server.pem", "current.pem");
  put("server.key", "current.key");
  SendingPeer exporter(
      client(receiver.endpoint(), fmt::format(", cert_file: {}, key_file: {}, reload_interval: 1ms",
                                              file("current.pem"), file("current.key"))));
  EXPECT_TRUE(exporter.send(reference_bytes(3)));
  const auto tries = [&] {
    return exporter.stage.metric("kernspan_exporter_retries", {{"exporter", "otlp"}});
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (tries() < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(receiver.consumer.spans(), 0U);
  put("client.pem", "current.pem");  // for a moment without its key
  put("client.key", "current.key");
  ASSERT_TRUE(receiver.consumer.wait_for_spans(3));
  exporter.stop();
  EXPECT_EQ(exporter.stage.books.balance().passed_on, 3U);
}

TEST_F(TlsTest, ACertificateAndAKeyThatDoNotBelongTogetherAreAnErrorAtTheStart) {
  ComponentStage stage("otlp");
  auto exporter = otlp_exporter_factory().create(
      ComponentStage::yaml(fmt::format("endpoint: a:1\ntls: {{cert_file: {}, key_file: {}}}",
                                       file("client.pem"), file("server.key"))),
      stage.context());
  ASSERT_TRUE(exporter);
  const Status started = (*exporter)->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("server.key is not the private key"));
}

TEST_F(TlsTest, AClientWithoutACertificateGetsNothingThrough) {
  ReceivingPeer receiver(server());
  SendingPeer exporter(client(receiver.endpoint(), ""));
  EXPECT_TRUE(exporter.send(reference_bytes(3)));
  exporter.stop(std::chrono::milliseconds{300});
  EXPECT_EQ(exporter.dropped("shutdown"), 3U);
  EXPECT_EQ(receiver.consumer.spans(), 0U);
}

TEST(OtlpExporterStart, NamesTheFileItCannotRead) {
  ComponentStage stage("otlp");
  auto exporter = otlp_exporter_factory().create(
      ComponentStage::yaml("endpoint: localhost:1\ntls: {ca_file: /does/not/exist.pem}"),
      stage.context());
  ASSERT_TRUE(exporter);
  const Status started = (*exporter)->start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("/does/not/exist.pem"));
}

// The collector's table, section "retryable gRPC" of its OTLP exporter.
TEST(GrpcStatus, TheCollectorsTable) {
  using enum SendOutcome::Kind;
  EXPECT_EQ(judge_grpc_status(grpc::OK, false), kSent);
  for (const auto code : {grpc::CANCELLED, grpc::DEADLINE_EXCEEDED, grpc::ABORTED,
                          grpc::OUT_OF_RANGE, grpc::UNAVAILABLE, grpc::DATA_LOSS}) {
    EXPECT_EQ(judge_grpc_status(code, false), kRetryable) << code;
  }
  for (const auto code : {grpc::UNKNOWN, grpc::INVALID_ARGUMENT, grpc::NOT_FOUND,
                          grpc::ALREADY_EXISTS, grpc::PERMISSION_DENIED, grpc::FAILED_PRECONDITION,
                          grpc::UNIMPLEMENTED, grpc::INTERNAL, grpc::UNAUTHENTICATED}) {
    EXPECT_EQ(judge_grpc_status(code, false), kPermanent) << code;
  }
  EXPECT_EQ(judge_grpc_status(grpc::RESOURCE_EXHAUSTED, false), kPermanent);
  EXPECT_EQ(judge_grpc_status(grpc::RESOURCE_EXHAUSTED, true), kRetryable);
}

TEST(GrpcStatus, TellsARequestThatIsTooLargeFromAResponse) {
  using enum SendOutcome::Kind;
  const auto judge = [](const char* message) {
    return judge_grpc_status(grpc::RESOURCE_EXHAUSTED, false, message, 5000);
  };
  EXPECT_EQ(judge("Received message larger than max (5000 vs. 4096)"), kTooLarge);
  EXPECT_EQ(judge("grpc: received message larger than max (5000 vs. 4096)"), kTooLarge);
  EXPECT_EQ(judge("grpc: received message after decompression larger than max 4096"), kTooLarge);
  EXPECT_EQ(judge("gRPC message exceeds maximum size 4096: 5000"), kTooLarge);
  EXPECT_EQ(judge("Received message larger than max (5001 vs. 4096)"), kPermanent)
      << "larger than the request: it is the response";
  EXPECT_EQ(judge("quota exceeded"), kPermanent);
}

// Takes the place of a token: the header that the receiver's peer should see.
class FakeAuthenticator final : public Extension, public ClientAuthenticator {
 public:
  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  Result<std::vector<Header>> request_headers() const override {
    if (broken_tries > 0) {
      --broken_tries;
      return std::vector<Header>{{"authorization", "Bearer a\nb"}};
    }
    return std::vector<Header>{{"authorization", "Bearer abc"}};
  }
  bool requires_tls() const override { return must_be_private; }

  mutable std::atomic<int> broken_tries = 0;
  bool must_be_private = false;
};

TEST(OtlpExporterAuth, AsksForHeadersBeforeEachRequest) {
  ReceivingPeer receiver;
  FakeAuthenticator token;
  token.broken_tries = 2;
  ComponentStage stage("otlp");
  stage.extensions.add("token", token);
  auto exporter = otlp_exporter_factory().create(
      ComponentStage::yaml(plaintext(receiver.endpoint()) + "auth: {authenticator: token}"),
      stage.context());
  ASSERT_TRUE(exporter) << exporter.error().message;
  ASSERT_TRUE((*exporter)->start());
  EXPECT_TRUE((*exporter)->consume(*otlp::Batch::from_wire(reference_bytes(3))));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(3));
  (*exporter)->stop(std::chrono::steady_clock::now() + kPatience);
  EXPECT_EQ(stage.metric("kernspan_exporter_retries", {{"exporter", "otlp"}}), 2);
}

TEST(OtlpExporterAuth, RefusesASecretInTheClearAndAnUnknownAuthenticator) {
  FakeAuthenticator token;
  token.must_be_private = true;
  ComponentStage stage("otlp");
  stage.extensions.add("token", token);
  const auto error = [&](const std::string& yaml) {
    auto made = otlp_exporter_factory().create(ComponentStage::yaml(yaml), stage.context());
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(error("endpoint: a:1\nauth: {authenticator: token}"), "");
  EXPECT_THAT(error("endpoint: http://a:1\nauth: {authenticator: token}"),
              HasSubstr("in the clear"));
  EXPECT_THAT(error("endpoint: a:1\nauth: {authenticator: other}"),
              HasSubstr("failed to resolve authenticator \"other\""));
}

TEST(OtlpExporter, RequestsGoRoundAllAddresses) {
  ReceivingPeer first;
  ReceivingPeer second;
  SendingPeer exporter(plaintext(fmt::format("'ipv4:{},{}'", first.endpoint(), second.endpoint())));
  std::size_t sent = 0;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while ((first.consumer.spans() == 0 || second.consumer.spans() == 0) &&
         std::chrono::steady_clock::now() < deadline) {
    EXPECT_TRUE(exporter.send(reference_bytes(1)));
    ++sent;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  exporter.stop();
  EXPECT_GT(first.consumer.spans(), 0U);
  EXPECT_GT(second.consumer.spans(), 0U);
  EXPECT_EQ(first.consumer.spans() + second.consumer.spans(), sent);
}

Result<OtlpExporterSettings> read(const std::string& yaml) {
  ConfigWarnings warnings;
  const ConfigNode node = ComponentStage::yaml(yaml);
  return read_otlp_exporter_settings(node, "exporters::otlp", Extensions(), warnings);
}

TEST(OtlpExporterSettings, ReadsEndpointsAndHeaders) {
  const auto settings = read("endpoint: http://gateway:4317\nheaders: {x-team: shop}");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->endpoint, "gateway:4317");
  EXPECT_TRUE(settings->tls.insecure);
  EXPECT_EQ(settings->compression, Compression::kGzip);
  EXPECT_EQ(settings->headers.at("x-team"), "shop");
  EXPECT_FALSE(read("endpoint: https://gateway:4317")->tls.insecure);
}

TEST(OtlpExporterSettings, ReadsEveryKey) {
  const auto settings = read(R"(
endpoint: dns:///gateway:4317
tls: {min_version: "1.2", max_version: "1.3", insecure_skip_verify: true, reload_interval: 1m}
headers: {X-Team: shop}
balancer_name: pick_first
wait_for_ready: true
keepalive: {time: 30s, timeout: 5s, permit_without_stream: true}
read_buffer_size: 1024
write_buffer_size: 524288
)");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->endpoint, "dns:///gateway:4317");
  EXPECT_TRUE(settings->tls.insecure_skip_verify);
  EXPECT_EQ(settings->tls.reload_interval, std::chrono::minutes(1));
  EXPECT_EQ(settings->headers.count("x-team"), 1U) << "gRPC's names are in lower case";
  EXPECT_EQ(settings->balancer, Balancer::kPickFirst);
  EXPECT_TRUE(settings->wait_for_ready);
  EXPECT_EQ(settings->keepalive.time, std::chrono::seconds(30));
  EXPECT_TRUE(read("endpoint: unix:///run/collector.sock"));
}

// As upstream: with a certificate authority `insecure` has no effect.
TEST(OtlpExporterSettings, ACertificateAuthorityMeansTls) {
  EXPECT_TRUE(read("endpoint: a:1\ntls: {insecure: true}")->tls.plaintext());
  EXPECT_FALSE(read("endpoint: a:1\ntls: {insecure: true, ca_file: ca.pem}")->tls.plaintext());
}

TEST(OtlpExporterSettings, SaysWhatIsWrong) {
  EXPECT_THAT(read("endpoint: a:1\ncompression: zstd").error().message,
              HasSubstr("gRPC here can only do gzip and none"));
  EXPECT_THAT(read("endpoint: a:1\nheaders: {a: \"b\\nc\"}").error().message,
              HasSubstr("characters that a header cannot have"));
  EXPECT_THAT(read("endpoint: a:1\ntls: {ca_file: a, ca_pem: b}").error().message,
              HasSubstr("either ca_file or ca_pem, not both"));
  EXPECT_THAT(read("endpoint: a:1\ntls: {max_version: '1.1'}").error().message,
              HasSubstr("lower than min_version"));
  EXPECT_THAT(read("endpoint: a:1\ntls: {cipher_suites: [x]}").error().message,
              HasSubstr("cipher_suites: is not supported"));
  EXPECT_THAT(read("{}").error().message, HasSubstr("endpoint: is required and missing"));
  EXPECT_THAT(read("endpoint: gateway").error().message, HasSubstr("is not host:port"));
  EXPECT_THAT(read("endpoint: 'a:1'\ncompression: lzma").error().message,
              HasSubstr("test.yaml:2:14"));
  EXPECT_THAT(read("endpoint: 'a:1'\ntls: {cert_file: x}").error().message,
              HasSubstr("only useful together"));
  EXPECT_THAT(read("endpoint: 'a:1'\nheaders: {'b d': x}").error().message,
              HasSubstr("cannot be the name"));
}

}  // namespace
}  // namespace kernspan
