#include "pipeline/receivers/otlp/otlp_receiver.h"

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/rpc_status.h"
#include "tests/unit/pipeline/otlp/reference_request.h"
#include "tests/unit/pipeline/otlp_peers.h"

namespace kernspan {
namespace {

constexpr otlp::Signal kMetrics = otlp::Signal::kMetrics;
using otlp::reference_bytes;
using ::testing::HasSubstr;

// A client that sends whatever bytes it is told to.
class RawClient {
 public:
  explicit RawClient(const std::string& endpoint)
      : stub_(grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials())) {}

  grpc::Status call(const std::string& request, const std::string& method = otlp::kExportMethod,
                    grpc_compression_algorithm compression = GRPC_COMPRESS_NONE) {
    grpc::ClientContext context;
    context.set_compression_algorithm(compression);
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const grpc::Slice slice(request);
    const grpc::ByteBuffer buffer(&slice, 1);
    std::promise<grpc::Status> status;
    stub_.UnaryCall(&context, method, {}, &buffer, &response_,
                    [&](grpc::Status result) { status.set_value(std::move(result)); });
    return status.get_future().get();
  }

  std::string response() const { return std::string(otlp::to_slice(response_).view()); }

 private:
  grpc::GenericStub stub_;
  grpc::ByteBuffer response_;
};

TEST(OtlpReceiver, AnswersWithAnEmptyResponse) {
  ReceivingPeer receiver;
  RawClient client(receiver.endpoint());
  const grpc::Status status = client.call(reference_bytes(3));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(client.response(), "");
  EXPECT_EQ(receiver.consumer.bytes(), reference_bytes(3));
}

TEST(OtlpReceiver, ARequestWithoutSpansIsFine) {
  ReceivingPeer receiver;
  EXPECT_TRUE(RawClient(receiver.endpoint()).call("").ok());
  EXPECT_THAT(receiver.consumer.sizes(), ::testing::IsEmpty());
}

TEST(OtlpReceiver, RefusesMalformedRequestsWhole) {
  ReceivingPeer receiver;
  RawClient client(receiver.endpoint());
  const std::string good = reference_bytes(3);
  const grpc::Status status = client.call(good.substr(0, good.size() - 1));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("malformed ExportTraceServiceRequest"));
  EXPECT_EQ(receiver.refused_requests("malformed"), 1);
  EXPECT_EQ(receiver.consumer.spans(), 0U);
  EXPECT_TRUE(client.call(good).ok());
}

TEST(OtlpReceiver, MapsErrorsAsUpstream) {
  ReceivingPeer receiver;
  RawClient client(receiver.endpoint());
  receiver.consumer.answer_next({ErrorKind::kRetryable, "full"});
  EXPECT_EQ(client.call(reference_bytes(2)).error_code(), grpc::StatusCode::UNAVAILABLE);
  receiver.consumer.answer_next({ErrorKind::kPermanent, "no"});
  EXPECT_EQ(client.call(reference_bytes(2)).error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(receiver.spans("refused"), 4);
  EXPECT_EQ(receiver.stage.books.balance().refused, 4U);
}

TEST(OtlpReceiver, ServesTheSignalsThatItsPipelinesTakeAndNoOthers) {
  ReceivingPeer receiver;
  RawClient client(receiver.endpoint());
  const grpc::Status metrics = client.call("", otlp::export_method(kMetrics));
  EXPECT_EQ(metrics.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(metrics.error_message(), HasSubstr("no pipeline of metrics has this receiver"));
  const grpc::Status logs =
      client.call("", "/opentelemetry.proto.collector.logs.v1.LogsService/Export");
  EXPECT_EQ(logs.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(logs.error_message(), HasSubstr("LogsService"));
  EXPECT_EQ(receiver.refused_requests("unimplemented"), 2);
}

// ResourceMetrics { ScopeMetrics { Metric { Gauge { two NumberDataPoints } } } }
const std::string kTwoPoints("\x0A\x0A\x12\x08\x12\x06\x2A\x04\x0A\x00\x0A\x00", 12);

TEST(OtlpReceiver, TakesMetrics) {
  ComponentStage stage("otlp");
  stage.signals = kTracesAndMetrics;
  RememberingConsumer consumer;
  OtlpReceiver receiver(stage.context(), {.endpoint = "127.0.0.1:0"}, consumer);
  ASSERT_TRUE(receiver.start());
  RawClient client("127.0.0.1:" + std::to_string(receiver.port()));
  const grpc::Status status = client.call(kTwoPoints, otlp::export_method(kMetrics));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(consumer.bytes(), kTwoPoints);
  EXPECT_EQ(stage.metric("otelcol_receiver_accepted_metric_points",
                         {{"receiver", "otlp"}, {"transport", "grpc"}}),
            2);
  EXPECT_TRUE(client.call(reference_bytes(3)).ok());
  EXPECT_EQ(stage.books.balance().taken, 5U);
}

TEST(OtlpReceiver, AsksBeforeItDecompresses) {
  class FullConsumer final : public Consumer {
   public:
    Status consume(otlp::Batch) override { return {}; }
    Status admit(otlp::Signal signal, std::size_t bytes) override {
      EXPECT_EQ(signal, otlp::Signal::kTraces);
      EXPECT_GT(bytes, 0U);
      return retryable("too much memory is in use");
    }
  };
  ComponentStage stage("otlp");
  FullConsumer full;
  OtlpReceiver receiver(stage.context(), {.endpoint = "127.0.0.1:0"}, full);
  ASSERT_TRUE(receiver.start());
  RawClient client("127.0.0.1:" + std::to_string(receiver.port()));
  // Not even gzip: nobody looks.
  const grpc::Status status = client.call("\x1F\x8B nonsense");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(status.error_message(), "too much memory is in use");
  EXPECT_EQ(stage.metric("kernspan_receiver_refused_requests",
                         {{"receiver", "otlp"}, {"transport", "grpc"}, {"reason", "not_admitted"}}),
            1);
}

TEST(OtlpReceiver, TakesGzipAndNoOtherCompression) {
  ReceivingPeer receiver;
  RawClient client(receiver.endpoint());
  const std::string request = reference_bytes(100);
  EXPECT_TRUE(client.call(request, otlp::kExportMethod, GRPC_COMPRESS_GZIP).ok());
  EXPECT_EQ(client.call(request, otlp::kExportMethod, GRPC_COMPRESS_DEFLATE).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(receiver.consumer.bytes(), request);
}

TEST(OtlpReceiver, ServesManyClientsAtOnce) {
  ReceivingPeer receiver;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      RawClient client(receiver.endpoint());
      for (int n = 0; n < 50; ++n) EXPECT_TRUE(client.call(reference_bytes(10)).ok());
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(receiver.spans("accepted"), 8 * 50 * 10);
  receiver.stop();
  EXPECT_TRUE(receiver.stage.books.balance().balances());
}

TEST(OtlpReceiver, StopRefusesNewCallsAndIsIdempotent) {
  ReceivingPeer receiver;
  RawClient client(receiver.endpoint());
  EXPECT_TRUE(client.call(reference_bytes(1)).ok());
  receiver.stop();
  EXPECT_EQ(client.call(reference_bytes(1)).error_code(), grpc::StatusCode::UNAVAILABLE);
  receiver.stop();
  EXPECT_EQ(receiver.consumer.spans(), 1U);
}

// The call that the pipeline is just taking ends well; what comes after it is refused.
TEST(OtlpReceiver, StopWaitsForTheCallInProgress) {
  class SlowConsumer final : public Consumer {
   public:
    Status consume(otlp::Batch) override {
      entered.set_value();
      leave.get_future().wait();
      return {};
    }
    std::promise<void> entered;
    std::promise<void> leave;
  };
  ComponentStage stage("otlp");
  SlowConsumer slow;
  OtlpReceiver receiver(stage.context(), {.endpoint = "127.0.0.1:0"}, slow);
  ASSERT_TRUE(receiver.start());
  RawClient client("127.0.0.1:" + std::to_string(receiver.port()));
  auto answer = std::async(std::launch::async, [&] { return client.call(reference_bytes(1)); });
  slow.entered.get_future().wait();
  auto stopped = std::async(std::launch::async,
                            [&] { receiver.stop(std::chrono::steady_clock::now() + kPatience); });
  slow.leave.set_value();
  stopped.wait();
  const grpc::Status status = answer.get();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(stage.books.balance().taken, 1U);
}

TEST(OtlpReceiver, TwoCannotListenOnOnePort) {
  ReceivingPeer first;
  ComponentStage stage("otlp");
  RememberingConsumer consumer;
  OtlpReceiver second(stage.context(), {.endpoint = first.endpoint()}, consumer);
  const Status started = second.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("cannot listen on " + first.endpoint()));
}

}  // namespace
}  // namespace kernspan
