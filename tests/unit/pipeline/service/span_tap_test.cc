#include "pipeline/service/span_tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;

class SpanTapTest : public ::testing::Test {
 protected:
  void send(std::size_t spans, const std::string& name = "GET /cart", bool is_error = false) {
    otlp::ReferenceRequest request = otlp::reference_request(spans);
    for (auto& span : *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans()) {
      span.set_name(name);
      if (is_error) {
        span.mutable_status()->set_code(opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
        span.mutable_status()->set_message("broken");
      }
    }
    ASSERT_TRUE(tap_.consume(*otlp::Batch::from_wire(request.SerializeAsString())));
  }

  FakeClock clock_;
  RememberingConsumer next_;
  SpanTap tap_{next_, clock_};
};

TEST_F(SpanTapTest, RemembersTheFirstSpansOfABatch) {
  send(10);
  EXPECT_EQ(next_.spans(), 10U);
  const ServiceView::Samples samples = tap_.samples();
  ASSERT_EQ(samples.recent.size(), 3U);
  EXPECT_TRUE(samples.errors.empty());
  const SpanSample& sample = samples.recent.back();
  EXPECT_EQ(sample.name, "GET /cart");
  EXPECT_EQ(sample.service, "shop");
  EXPECT_EQ(sample.duration_ns, 1'000'000U);
}

TEST_F(SpanTapTest, LooksIntoOneBatchASecond) {
  send(1, "first");
  send(1, "second");
  clock_.advance(1s);
  send(1, "third");
  const ServiceView::Samples samples = tap_.samples();
  ASSERT_EQ(samples.recent.size(), 2U);
  EXPECT_EQ(samples.recent[0].name, "third");
  EXPECT_EQ(next_.spans(), 3U);
}

TEST_F(SpanTapTest, KeepsErrorsApart) {
  send(1, "fails", true);
  const ServiceView::Samples samples = tap_.samples();
  ASSERT_EQ(samples.errors.size(), 1U);
  EXPECT_TRUE(samples.errors[0].is_error);
  EXPECT_EQ(samples.errors[0].status_message, "broken");
}

TEST_F(SpanTapTest, RemembersABoundedAmount) {
  for (int i = 0; i < 100; ++i) {
    send(10, std::string(10'000, 'x'), true);
    clock_.advance(1s);
  }
  const ServiceView::Samples samples = tap_.samples();
  EXPECT_EQ(samples.recent.size(), 64U);
  EXPECT_EQ(samples.errors.size(), 32U);
  EXPECT_EQ(samples.recent[0].name.size(), 200U);
}

TEST_F(SpanTapTest, PassesOnRefusals) {
  next_.refuse_all(true);
  EXPECT_FALSE(tap_.consume(*otlp::Batch::from_wire(otlp::reference_bytes(1))));
  EXPECT_TRUE(tap_.admit(otlp::Signal::kTraces, 1));
}

}  // namespace
}  // namespace kernspan
