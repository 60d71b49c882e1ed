#include "pipeline/processors/batch/batch_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BatchProcessorTest : public ::testing::Test {
 protected:
  void start(const BatchSettings& settings) {
    processor_ = std::make_unique<BatchProcessor>(stage_.context(), settings, next_);
    ASSERT_TRUE(processor_->start());
  }
  Status send(std::size_t spans) {
    auto batch = otlp::Batch::from_wire(otlp::reference_bytes(spans));
    return processor_->consume(std::move(*batch));
  }
  void stop(std::chrono::milliseconds patience = kPatience) {
    processor_->stop(std::chrono::steady_clock::now() + patience);
  }
  double metric(const std::string& name) {
    return stage_.metric(name, {{"processor", "batch"}, {"pipeline", "traces"}});
  }
  StageBalance balance() {
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    EXPECT_EQ(balance.held, 0U);
    return balance;
  }

  ComponentStage stage_{"batch"};
  RememberingConsumer next_;
  std::unique_ptr<BatchProcessor> processor_;
};

TEST_F(BatchProcessorTest, MergesUpToTheSize) {
  start({.send_batch_size = 10, .timeout = 1h});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(send(3));
  ASSERT_TRUE(next_.wait_for_spans(12));
  EXPECT_THAT(next_.sizes(), ElementsAre(12U));
  otlp::ReferenceRequest merged;
  ASSERT_TRUE(merged.ParseFromString(next_.bytes()));
  EXPECT_EQ(merged.resource_spans_size(), 4);
  stop();
  EXPECT_EQ(metric("otelcol_processor_batch_batch_size_trigger_send"), 1);
  EXPECT_EQ(metric("otelcol_processor_batch_timeout_trigger_send"), 0);
  EXPECT_EQ(metric("otelcol_processor_batch_batch_send_size_sum"), 12);
  EXPECT_EQ(balance().passed_on, 12U);
}

TEST_F(BatchProcessorTest, SendsAfterTheTimeout) {
  start({.send_batch_size = 1000, .timeout = 1ms});
  EXPECT_TRUE(send(3));
  ASSERT_TRUE(next_.wait_for_spans(3));
  stop();
  EXPECT_EQ(metric("otelcol_processor_batch_timeout_trigger_send"), 1);
}

TEST_F(BatchProcessorTest, StopSendsTheRest) {
  start({.send_batch_size = 1000, .timeout = 1h});
  EXPECT_TRUE(send(3));
  EXPECT_TRUE(send(4));
  stop();
  EXPECT_THAT(next_.sizes(), ElementsAre(7U));
  EXPECT_EQ(balance().passed_on, 7U);
  EXPECT_FALSE(send(1)) << "nothing is taken after stop()";
  stop();
}

TEST_F(BatchProcessorTest, CutsToTheMaximum) {
  start({.send_batch_size = 4, .timeout = 1h, .send_batch_max_size = 4});
  EXPECT_TRUE(send(10));
  ASSERT_TRUE(next_.wait_for_spans(10));
  EXPECT_THAT(next_.sizes(), ElementsAre(4U, 4U, 2U));
  stop();
  EXPECT_EQ(balance().passed_on, 10U);
}

TEST_F(BatchProcessorTest, OffersARefusedBatchAgain) {
  next_.answer_next({ErrorKind::kRetryable, "full"});
  next_.answer_next({ErrorKind::kRetryable, "full"});
  start({.send_batch_size = 1, .timeout = 1h});
  EXPECT_TRUE(send(5));
  ASSERT_TRUE(next_.wait_for_spans(5));
  stop();
  EXPECT_EQ(balance().passed_on, 5U);
  EXPECT_EQ(metric("kernspan_processor_batch_offers_refused"), 2);
}

TEST_F(BatchProcessorTest, APermanentErrorDropsAndCounts) {
  next_.answer_next({ErrorKind::kPermanent, "never"});
  start({.send_batch_size = 1, .timeout = 1h});
  EXPECT_TRUE(send(5));
  ASSERT_TRUE(next_.wait_for_calls(1));
  EXPECT_TRUE(send(6));
  ASSERT_TRUE(next_.wait_for_spans(6));
  stop();
  EXPECT_EQ(stage_.books.dropped("permanent_error").value(), 5U);
  EXPECT_EQ(balance().passed_on, 6U);
}

TEST_F(BatchProcessorTest, RefusesInputWhenItIsFullAndLosesNothing) {
  next_.refuse_all(true);
  start({.send_batch_size = 8192, .timeout = 1h});
  std::size_t taken = 0;
  Status last;
  for (int i = 0; i < 10 && last; ++i) {
    last = send(8192);
    if (last) taken += 8192;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(taken, 4U * 8192);
  EXPECT_FALSE(processor_->admit(otlp::Signal::kTraces, 1)) << "callers have waited in vain";
  EXPECT_EQ(stage_.metrics.value("kernspan_processor_batch_held_items",
                                 {{"processor", "batch"}, {"pipeline", "traces"}}),
            stage_.metrics.value("kernspan_processor_batch_held_items_limit",
                                 {{"processor", "batch"}, {"pipeline", "traces"}}));
  next_.refuse_all(false);
  ASSERT_TRUE(next_.wait_for_spans(taken));
  stop();
  EXPECT_TRUE(processor_->admit(otlp::Signal::kTraces, 1));
  EXPECT_EQ(balance().passed_on, taken);
  EXPECT_EQ(balance().refused, 8192U);
}

TEST_F(BatchProcessorTest, DropsAtTheDeadlineAndSaysSo) {
  next_.refuse_all(true);
  start({.send_batch_size = 1, .timeout = 1h});
  EXPECT_TRUE(send(5));
  ASSERT_TRUE(next_.wait_for_calls(1));
  stop(20ms);
  EXPECT_EQ(stage_.books.dropped("shutdown").value(), 5U);
  EXPECT_EQ(balance().passed_on, 0U);
}

TEST_F(BatchProcessorTest, ManyCallersLoseNothing) {
  start({.send_batch_size = 50, .timeout = 1ms});
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 500; ++n) EXPECT_TRUE(send(3));
    });
  }
  for (std::thread& caller : callers) caller.join();
  stop();
  EXPECT_EQ(next_.spans(), 4U * 500 * 3);
  EXPECT_EQ(balance().passed_on, 4U * 500 * 3);
}

TEST(BatchProcessorSettings, SaysWhatIsWrong) {
  const auto problem = [](const std::string& yaml) {
    ComponentStage stage("batch");
    RememberingConsumer next;
    const auto made =
        batch_processor_factory().create(ComponentStage::yaml(yaml), stage.context(), next);
    return made ? "accepted" : made.error().message;
  };
  EXPECT_EQ(problem(""), "accepted");
  EXPECT_EQ(problem("{send_batch_size: 100, timeout: 1s, send_batch_max_size: 200}"), "accepted");
  EXPECT_THAT(problem("{send_batch_size: 100, send_batch_max_size: 50}"),
              HasSubstr("must not be smaller than send_batch_size"));
  EXPECT_THAT(problem("{metadata_keys: [a]}"), HasSubstr("not supported yet"));
  EXPECT_THAT(problem("{timeout: soon}"), HasSubstr("test.yaml:1:11"));
}

TEST_F(BatchProcessorTest, CutsToTheMaximumInBytes) {
  const std::size_t max = 4 * otlp::reference_bytes(10).size();
  start({.send_batch_size = 1000, .timeout = 1h, .send_batch_max_bytes = max});
  EXPECT_TRUE(send(100));
  ASSERT_TRUE(next_.wait_for_spans(100));
  stop();
  EXPECT_GE(next_.sizes().size(), 2U);
  for (const std::size_t spans : next_.sizes()) EXPECT_LE(otlp::reference_bytes(spans).size(), max);
  otlp::ReferenceRequest all;
  ASSERT_TRUE(all.ParseFromString(next_.bytes()));
  EXPECT_EQ(balance().passed_on, 100U);
  EXPECT_EQ(metric("kernspan_processor_batch_too_large_items"), 0);
}

TEST_F(BatchProcessorTest, CollectsUpToTheMaximumInBytes) {
  const std::size_t one = otlp::reference_bytes(10).size();
  start({.send_batch_size = 1000, .timeout = 1h, .send_batch_max_bytes = 2 * one + 1});
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(send(10));
  ASSERT_TRUE(next_.wait_for_spans(20));
  stop();
  EXPECT_THAT(next_.sizes(), ElementsAre(20U, 20U));
}

TEST_F(BatchProcessorTest, ASpanLargerThanTheMaximumGoesOnAndIsCounted) {
  start({.send_batch_size = 1, .timeout = 1h, .send_batch_max_bytes = 10});
  EXPECT_TRUE(send(2));
  ASSERT_TRUE(next_.wait_for_spans(2));
  stop();
  EXPECT_THAT(next_.sizes(), ElementsAre(1U, 1U));
  EXPECT_EQ(metric("kernspan_processor_batch_too_large_items"), 2);
  EXPECT_EQ(balance().passed_on, 2U);
}

TEST_F(BatchProcessorTest, ACallerWaitsForRoom) {
  start({.send_batch_size = 1, .timeout = 0s});
  next_.refuse_all(true);
  constexpr std::size_t kHeld = 4 * 8192;
  ASSERT_TRUE(send(kHeld));
  ASSERT_TRUE(next_.wait_for_calls(1));
  std::thread waiting([&] {
    // Each call waits a bounded time; one of them finds room.
    while (!send(10)) continue;
  });
  next_.refuse_all(false);
  ASSERT_TRUE(next_.wait_for_spans(kHeld + 10));
  waiting.join();
  stop();
  EXPECT_EQ(balance().passed_on, kHeld + 10);
}

}  // namespace
}  // namespace kernspan
