#include "pipeline/exporters/otlp/otlp_exporter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

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

TEST(OtlpExporter, AMessageThatIsTooLargeIsNotSentAgain) {
  ReceivingPeer receiver(GrpcServerSettings{.max_recv_msg_size_bytes = 1024});
  SendingPeer exporter(plaintext(receiver.endpoint(), "compression: none"));
  EXPECT_TRUE(exporter.send(reference_bytes(1000)));
  exporter.stop();
  EXPECT_EQ(exporter.dropped("permanent_error"), 1000U);
  EXPECT_EQ(receiver.wait_for_refused_requests("no_message"), 1);
}

// A small message that grows large by decompression is refused like a large one.
TEST(OtlpExporter, TheSizeLimitHoldsForDecompressedMessages) {
  ReceivingPeer receiver(GrpcServerSettings{.max_recv_msg_size_bytes = 64 << 10});
  SendingPeer exporter(plaintext(receiver.endpoint(), "compression: gzip"));
  auto request = otlp::reference_request(1);
  request.mutable_resource_spans(0)->set_schema_url(std::string(8 << 20, 'x'));
  EXPECT_TRUE(exporter.send(request.SerializeAsString()));
  exporter.stop();
  EXPECT_EQ(exporter.dropped("permanent_error"), 1U);
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
  using enum GrpcVerdict;
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

Result<OtlpExporterSettings> read(const std::string& yaml) {
  ConfigWarnings warnings;
  const ConfigNode node = ComponentStage::yaml(yaml);
  return read_otlp_exporter_settings(node, "exporters::otlp", warnings);
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

TEST(OtlpExporterSettings, SaysWhatIsWrong) {
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
