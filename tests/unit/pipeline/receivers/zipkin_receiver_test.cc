#include "pipeline/receivers/zipkin/zipkin_receiver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/free_port.h"
#include "tests/unit/pipeline/http_client.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

class ZipkinReceiverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string yaml = "endpoint: 127.0.0.1:" + std::to_string(port_);
    auto made =
        zipkin_receiver_factory().create(ComponentStage::yaml(yaml), stage_.context(), consumer_);
    ASSERT_TRUE(made) << made.error().message;
    receiver_ = std::move(*made);
    const Status started = receiver_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  HttpReply post(const std::string& path, const std::string& body,
                 const std::string& type = "application/json") {
    return HttpClient(port_).ask(HttpClient::post(path, type, body));
  }

  ComponentStage stage_{"zipkin"};
  RememberingConsumer consumer_;
  const int port_ = free_port();
  std::unique_ptr<Receiver> receiver_;
};

TEST_F(ZipkinReceiverTest, TakesBothVersions) {
  EXPECT_EQ(post("/api/v2/spans", R"([{"traceId":"1","id":"1"},{"traceId":"1","id":"2"}])").status,
            202);
  EXPECT_EQ(post("/api/v1/spans", R"([{"traceId":"1","id":"1"}])", "").status, 202);
  EXPECT_EQ(post("/api/v2/spans", "[]").status, 202);
  EXPECT_EQ(consumer_.spans(), 3U);
  EXPECT_EQ(stage_.metric("otelcol_receiver_accepted_spans",
                          {{"receiver", "zipkin"}, {"transport", "http_v2_json"}}),
            2);
  EXPECT_EQ(stage_.metric("otelcol_receiver_accepted_spans",
                          {{"receiver", "zipkin"}, {"transport", "http_v1_json"}}),
            1);
  EXPECT_TRUE(stage_.books.balance().balances());
}

TEST_F(ZipkinReceiverTest, RefusesByName) {
  EXPECT_EQ(post("/api/v3/spans", "[]").status, 404);
  const HttpReply thrift = post("/api/v1/spans", "x", "application/x-thrift");
  EXPECT_EQ(thrift.status, 415);
  EXPECT_THAT(thrift.body, HasSubstr("application/x-thrift: have the client send JSON"));
  EXPECT_EQ(post("/api/v2/spans", "x", "application/x-protobuf").status, 415);
  const HttpReply malformed = post("/api/v2/spans", R"([{"id":"1"}])");
  EXPECT_EQ(malformed.status, 400);
  EXPECT_THAT(malformed.body, HasSubstr("span 0: traceId is missing"));
}

TEST_F(ZipkinReceiverTest, SaysWhetherItIsWorthAnotherTry) {
  consumer_.answer_next({ErrorKind::kRetryable, "full"});
  EXPECT_EQ(post("/api/v2/spans", R"([{"traceId":"1","id":"1"}])").status, 503);
  consumer_.answer_next({ErrorKind::kPermanent, "no"});
  EXPECT_EQ(post("/api/v2/spans", R"([{"traceId":"1","id":"1"}])").status, 400);
  EXPECT_EQ(stage_.books.balance().refused, 2U);
}

}  // namespace
}  // namespace kernspan
