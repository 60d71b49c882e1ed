#include "pipeline/exporters/sender/queued_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/otlp/span_index.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/exporters/fake_peer.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class QueuedSenderTest : public ::testing::Test {
 protected:
  void start(SenderSettings settings) {
    settings.retry.initial_interval = 1ms;
    settings.retry.max_interval = 1ms;
    auto peer = std::make_unique<FakePeer>();
    peer_ = peer.get();
    sender_ = std::make_unique<QueuedSender>(stage_.context(), settings, std::move(peer));
    ASSERT_TRUE(sender_->start());
  }

  static otlp::Batch batch(std::size_t spans) {
    return otlp::Batch::from_encoder(std::string(10 * spans, 'x'), spans);
  }

  Status send(std::size_t spans) { return sender_->consume(batch(spans)); }
  void stop(std::chrono::milliseconds patience = kPatience) {
    sender_->stop(std::chrono::steady_clock::now() + patience);
  }
  double metric(const std::string& name) { return stage_.metric(name, {{"exporter", "otlp/x"}}); }
  std::uint64_t dropped(const std::string& reason) { return stage_.books.dropped(reason).value(); }

  // The books at rest, checked.
  StageBalance balance() {
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    EXPECT_EQ(balance.held, 0U);
    return balance;
  }

  ComponentStage stage_{"otlp/x"};
  FakePeer* peer_ = nullptr;
  std::unique_ptr<QueuedSender> sender_;
};

TEST_F(QueuedSenderTest, SendsWhatItTook) {
  start({});
  peer_->answer_by_itself({SendOutcome{}});
  EXPECT_TRUE(send(3));
  EXPECT_TRUE(send(4));
  stop();
  EXPECT_THAT(peer_->sent(), ::testing::ElementsAre(3U, 4U));
  EXPECT_EQ(balance().passed_on, 7U);
  EXPECT_EQ(metric("otelcol_exporter_sent_spans"), 7);
  EXPECT_EQ(metric("otelcol_exporter_queue_size"), 0);
  EXPECT_EQ(metric("otelcol_exporter_queue_capacity"), 1000);
}

TEST_F(QueuedSenderTest, HoldsABatchUntilThePeerAnswers) {
  start({});
  EXPECT_TRUE(send(3));
  ASSERT_TRUE(peer_->wait_for_attempts(1));
  EXPECT_EQ(stage_.books.balance().held, 3U);
  EXPECT_EQ(metric("otelcol_exporter_in_flight_requests"), 1);
  peer_->answer({});
  stop();
  EXPECT_EQ(balance().passed_on, 3U);
}

// It takes memory that the queue's size does not say.
TEST_F(QueuedSenderTest, HoldsNoIndexOfWhatWaits) {
  start({.queue = {.queue_size = 2}});
  const auto indexed = [](std::weak_ptr<const otlp::SpanIndex>& index) {
    otlp::Batch made = *otlp::Batch::from_wire(otlp::reference_bytes(3));
    index = made.index();
    return made;
  };
  std::weak_ptr<const otlp::SpanIndex> taken;
  std::weak_ptr<const otlp::SpanIndex> adopted;
  EXPECT_TRUE(sender_->consume(indexed(taken)));
  EXPECT_TRUE(taken.expired());
  otlp::Batch orphan = indexed(adopted);
  EXPECT_TRUE(sender_->adopt(orphan, false));
  EXPECT_TRUE(adopted.expired());
  peer_->answer({});
  peer_->answer({});
  stop();
  EXPECT_EQ(balance().passed_on, 6U);
}

TEST_F(QueuedSenderTest, TriesAgainAfterARetryableError) {
  start({});
  const auto retry = failure(SendOutcome::Kind::kRetryable);
  peer_->answer_by_itself({retry, retry, SendOutcome{}});
  EXPECT_TRUE(send(5));
  ASSERT_TRUE(peer_->wait_for_attempts(3));
  stop();
  EXPECT_EQ(balance().passed_on, 5U);
  EXPECT_EQ(metric("kernspan_exporter_retries"), 2);
  EXPECT_EQ(metric("otelcol_exporter_send_failed_spans"), 0);
}

TEST_F(QueuedSenderTest, APermanentErrorDropsAndCounts) {
  start({});
  peer_->answer_by_itself({failure(SendOutcome::Kind::kPermanent)});
  EXPECT_TRUE(send(5));
  stop();
  EXPECT_EQ(balance().passed_on, 0U);
  EXPECT_EQ(dropped("permanent_error"), 5U);
  EXPECT_EQ(metric("otelcol_exporter_send_failed_spans"), 5);
  EXPECT_THAT(peer_->sent(), ::testing::SizeIs(1));
}

TEST_F(QueuedSenderTest, WithoutRetriesARetryableErrorDropsToo) {
  SenderSettings settings;
  settings.retry.enabled = false;
  start(settings);
  peer_->answer_by_itself({failure(SendOutcome::Kind::kRetryable)});
  EXPECT_TRUE(send(5));
  stop();
  EXPECT_EQ(dropped("retries_exhausted"), 5U);
  balance();
}

TEST_F(QueuedSenderTest, PartialSuccessCountsTheRejectedOnes) {
  start({});
  peer_->answer_by_itself({SendOutcome{.message = "too old", .rejected_spans = 2}});
  EXPECT_TRUE(send(5));
  stop();
  EXPECT_EQ(balance().passed_on, 3U);
  EXPECT_EQ(dropped("rejected_by_peer"), 2U);
  EXPECT_EQ(metric("kernspan_exporter_rejected_spans"), 2);
  EXPECT_EQ(metric("otelcol_exporter_sent_spans"), 5);
}

TEST_F(QueuedSenderTest, APeerCannotRejectMoreThanItGot) {
  start({});
  peer_->answer_by_itself({SendOutcome{.rejected_spans = 1'000'000}});
  EXPECT_TRUE(send(5));
  stop();
  balance();
  EXPECT_EQ(dropped("rejected_by_peer"), 5U);
}

TEST_F(QueuedSenderTest, AFullQueueRefuses) {
  start({.queue = {.queue_size = 2}});
  EXPECT_TRUE(send(1));
  EXPECT_TRUE(sender_->admit(otlp::Signal::kTraces, 1));
  EXPECT_TRUE(send(1));
  EXPECT_FALSE(sender_->admit(otlp::Signal::kTraces, 1));
  const Status refused = send(7);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRetryable);
  EXPECT_THAT(refused.error().message, HasSubstr("sending queue is full"));
  EXPECT_EQ(metric("otelcol_exporter_enqueue_failed_spans"), 7);
  peer_->answer({});
  peer_->answer({});
  stop();
  EXPECT_EQ(balance().refused, 7U);
}

TEST_F(QueuedSenderTest, WithBlockOnOverflowTheCallerWaitsForRoom) {
  start({.queue = {.queue_size = 1, .block_on_overflow = true}});
  EXPECT_TRUE(send(1));
  Status second;
  std::thread caller([&] { second = send(2); });
  peer_->answer({});
  caller.join();
  EXPECT_TRUE(second);
  peer_->answer({});
  stop();
  EXPECT_EQ(balance().passed_on, 3U);
}

TEST_F(QueuedSenderTest, ABatchLargerThanTheQueueIsAPermanentError) {
  start({.queue = {.queue_size = 10, .sizer = QueueSizer::kItems, .block_on_overflow = true}});
  const Status refused = send(11);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPermanent);
  stop();
}

TEST_F(QueuedSenderTest, WithoutAQueueTheCallerGetsTheOutcome) {
  start({.queue = {.enabled = false}});
  peer_->answer_by_itself({SendOutcome{}, failure(SendOutcome::Kind::kPermanent)});
  EXPECT_TRUE(send(5));
  const Status failed = send(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::kPermanent);
  EXPECT_THAT(failed.error().message, HasSubstr("no luck"));
  stop();
  const StageBalance books = balance();
  EXPECT_EQ(books.taken, 5U);
  EXPECT_EQ(books.refused, 6U);
}

TEST_F(QueuedSenderTest, StopSendsWhatIsQueued) {
  start({.queue = {.num_consumers = 1}});
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(send(1));
  ASSERT_TRUE(peer_->wait_for_attempts(1));
  peer_->answer_by_itself({SendOutcome{}});
  peer_->answer({});
  stop();
  EXPECT_EQ(balance().passed_on, 50U);
  EXPECT_FALSE(peer_->cancelled());
}

TEST_F(QueuedSenderTest, StopDropsAtTheDeadlineAndSaysSo) {
  start({.queue = {.num_consumers = 1}});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(send(2));
  ASSERT_TRUE(peer_->wait_for_attempts(1));
  stop(1ms);
  EXPECT_TRUE(peer_->cancelled());
  EXPECT_EQ(balance().passed_on, 0U);
  EXPECT_EQ(dropped("shutdown"), 10U);
  EXPECT_FALSE(send(1)) << "nothing is taken after stop()";
  stop();  // again: nothing happens
}

TEST_F(QueuedSenderTest, ACallerThatWaitsIsReleasedByStop) {
  start({.queue = {.enabled = false}});
  Status result;
  std::thread caller([&] { result = send(1); });
  ASSERT_TRUE(peer_->wait_for_attempts(1));
  stop(1ms);
  caller.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::kRetryable);
  balance();
}

// Requests of at most two spans.
QueueSettings pairs() {
  return {.wait_for_result = false,
          .batch = {.enabled = true, .flush_timeout = 1ms, .min_size = 0, .max_size = 2}};
}

otlp::Batch real_batch(std::size_t spans) {
  return *otlp::Batch::from_wire(otlp::reference_bytes(spans));
}

TEST_F(QueuedSenderTest, OnlyTheRestOfABatchIsTriedAgain) {
  start({.queue = pairs()});
  peer_->answer_by_itself({SendOutcome{}, failure(SendOutcome::Kind::kRetryable), SendOutcome{}});
  EXPECT_TRUE(sender_->consume(real_batch(5)));
  ASSERT_TRUE(peer_->wait_for_attempts(4));
  stop();
  EXPECT_THAT(peer_->sent(), ::testing::ElementsAre(2U, 2U, 2U, 1U));
  EXPECT_EQ(balance().passed_on, 5U);
  EXPECT_EQ(metric("otelcol_exporter_queue_size"), 0);
}

TEST_F(QueuedSenderTest, ACallerWhoseBatchIsHalfGoneHearsSuccessAndTheRestIsBooked) {
  QueueSettings queue = pairs();
  queue.wait_for_result = true;
  start({.queue = queue});
  peer_->answer_by_itself({SendOutcome{}, failure(SendOutcome::Kind::kPermanent)});
  EXPECT_TRUE(sender_->consume(real_batch(5)));
  stop();
  const StageBalance books = balance();
  EXPECT_EQ(books.taken, 5U);
  EXPECT_EQ(books.passed_on, 2U);
  EXPECT_EQ(books.refused, 0U);
  EXPECT_EQ(dropped("permanent_error"), 3U);
}

TEST_F(QueuedSenderTest, AnItemTooLargeForThePeerIsACountedDrop) {
  start({});
  const auto too_large = failure(SendOutcome::Kind::kTooLarge);
  peer_->answer_by_itself({too_large, SendOutcome{}, too_large, too_large, SendOutcome{}});
  EXPECT_TRUE(sender_->consume(real_batch(5)));
  stop();
  EXPECT_THAT(peer_->sent(), ::testing::ElementsAre(5U, 3U, 2U, 1U, 1U));
  EXPECT_EQ(balance().passed_on, 4U);
  EXPECT_EQ(dropped("too_large"), 1U);
  EXPECT_EQ(metric("otelcol_exporter_send_failed_spans"), 1);
}

TEST_F(QueuedSenderTest, ABatchOfWhichNothingIsSmallEnoughIsAPermanentErrorForItsCaller) {
  start({.queue = {.enabled = false}});
  peer_->answer_by_itself({failure(SendOutcome::Kind::kTooLarge)});
  const Status sent = sender_->consume(real_batch(2));
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::kPermanent);
  stop();
  EXPECT_EQ(balance().refused, 2U);
}

TEST_F(QueuedSenderTest, BatchesInTheQueueAndMeasuresThem) {
  start({.queue = {.batch = {.enabled = true, .flush_timeout = 1h, .min_size = 10}}});
  peer_->answer_by_itself({SendOutcome{}});
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(send(4));
  ASSERT_TRUE(peer_->wait_for_attempts(1));
  stop();
  EXPECT_THAT(peer_->sent(), ::testing::ElementsAre(12U, 8U));
  EXPECT_EQ(balance().passed_on, 20U);
  EXPECT_EQ(metric("otelcol_exporter_enqueue_size"), 5);
  EXPECT_EQ(metric("otelcol_exporter_queue_batch_send_size"), 2);
}

TEST_F(QueuedSenderTest, CountsMetricsUnderTheirOwnNames) {
  stage_.signals = kTracesAndMetrics;
  start({});
  peer_->answer_by_itself({SendOutcome{}});
  EXPECT_TRUE(
      sender_->consume(otlp::Batch::from_encoder(std::string("x"), 6, otlp::Signal::kMetrics)));
  stop();
  EXPECT_EQ(metric("otelcol_exporter_sent_metric_points"), 6);
  EXPECT_EQ(metric("otelcol_exporter_sent_spans"), 0);
}

TEST_F(QueuedSenderTest, ManyCallersLoseNothing) {
  start({.queue = {.num_consumers = 4, .queue_size = 8, .block_on_overflow = true}});
  const auto retry = failure(SendOutcome::Kind::kRetryable);
  peer_->answer_by_itself({retry, SendOutcome{}, retry, retry, SendOutcome{}});
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) EXPECT_TRUE(send(1));
    });
  }
  for (std::thread& caller : callers) caller.join();
  stop();
  EXPECT_EQ(balance().passed_on, 800U);
}

}  // namespace
}  // namespace kernspan
