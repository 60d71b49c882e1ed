#include "gateway/stitch/stitch_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/unit/gateway/stitch/stitch_story.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan::stitch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const ToldSpan client = {.trace = 1, .span = 2, .calls = 100};
const ToldSpan server = {.trace = 100, .span = 10, .derived = true};

class StitchProcessorTest : public ::testing::Test {
 protected:
  std::string create(const std::string& yaml) {
    auto made =
        stitch_processor_factory().create(ComponentStage::yaml(yaml), stage_.context(), next_);
    if (!made) return made.error().message;
    processor_ = *std::move(made);
    return "";
  }
  void start(const std::string& yaml = "") {
    ASSERT_EQ(create(yaml), "");
    ASSERT_TRUE(processor_->start());
  }
  Status send(const std::vector<ToldSpan>& spans) { return processor_->consume(batch_of(spans)); }
  void stop(std::chrono::milliseconds patience = kPatience) {
    processor_->stop(std::chrono::steady_clock::now() + patience);
  }
  std::vector<std::string> out() {
    otlp::ReferenceRequest request;
    EXPECT_TRUE(request.ParseFromString(next_.bytes()));
    auto texts = texts_of(request);
    std::ranges::sort(texts);
    return texts;
  }
  double metric(const std::string& name) {
    return stage_.metric(name, {{"processor", "stitch"}, {"pipeline", "traces"}});
  }
  double gauge(const std::string& name) {
    for (const MetricFamily& family : stage_.metrics.snapshot()) {
      if (family.name == name) return family.samples.front().value;
    }
    return -1;
  }
  StageBalance balance() {
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    return balance;
  }

  ComponentStage stage_{"stitch"};
  RememberingConsumer next_;
  std::unique_ptr<Processor> processor_;
};

TEST_F(StitchProcessorTest, ReadsItsSettings) {
  EXPECT_EQ(create("{wait: 2s, announcement_wait: 10s, max_waiting_traces: 10, "
                   "max_waiting_bytes: 1MiB, max_announcements: 5, max_remembered_traces: 7, "
                   "keep_announcements: true, clock_skew: {action: correct}, "
                   "deduplicate: {enabled: true, window: 5s, max_spans: 100}}"),
            "");
  EXPECT_EQ(create(""), "");
  EXPECT_THAT(create("{wait: 0s}"), HasSubstr("wait"));
  EXPECT_THAT(create("{clock_skew: {action: guess}}"), HasSubstr("mark"));
  EXPECT_THAT(create("{patience: 5s}"), HasSubstr("patience"));
}

TEST_F(StitchProcessorTest, WhatHasNoMarkComesThroughUntouched) {
  start();
  const std::string bytes = otlp::reference_bytes(5);
  ASSERT_TRUE(processor_->consume(*otlp::Batch::from_wire(bytes)));
  EXPECT_EQ(next_.bytes(), bytes);
  EXPECT_EQ(balance().passed_on, 5U);
}

TEST_F(StitchProcessorTest, JoinsAndKeepsItsBooks) {
  start("{wait: 1h}");
  ASSERT_TRUE(send({server, {.trace = 9, .span = 90}}));
  EXPECT_EQ(balance().held, 1U);
  EXPECT_EQ(balance().passed_on, 1U);
  EXPECT_EQ(gauge("kernspan_stitch_waiting_traces"), 1);
  EXPECT_EQ(gauge("kernspan_stitch_waiting_traces_limit"), 100'000);
  EXPECT_GT(gauge("kernspan_stitch_waiting_bytes"), 0);
  ASSERT_TRUE(send({client}));
  EXPECT_THAT(out(), ElementsAre("1/10<2 wire", "1/2", "9/90"));
  EXPECT_EQ(balance().held, 0U);
  EXPECT_EQ(balance().passed_on, 3U);
  EXPECT_EQ(gauge("kernspan_stitch_waiting_bytes"), 0);
  EXPECT_EQ(gauge("kernspan_stitch_remembered_traces"), 1);
}

TEST_F(StitchProcessorTest, ReleasesInTime) {
  start("{wait: 1ms}");
  ASSERT_TRUE(send({server}));
  ASSERT_TRUE(next_.wait_for_spans(1));
  EXPECT_THAT(out(), ElementsAre("100/10 derived"));
  stop();
  EXPECT_EQ(balance().passed_on, 1U);
}

TEST_F(StitchProcessorTest, ReleasesInTimeWhateverElseIsDueLater) {
  start("{wait: 1ms, announcement_wait: 1h}");
  ASSERT_TRUE(send({{.trace = 2, .span = 20, .calls = 200}}));
  // By now the thread sleeps until that announcement expires.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_TRUE(send({server}));
  ASSERT_TRUE(next_.wait_for_spans(2));
  EXPECT_THAT(out(), ElementsAre("100/10 derived", "2/20"));
}

TEST_F(StitchProcessorTest, StopReleasesTheRest) {
  start("{wait: 1h}");
  ASSERT_TRUE(send({server}));
  stop();
  EXPECT_THAT(out(), ElementsAre("100/10 derived"));
  EXPECT_EQ(balance().held, 0U);
  EXPECT_FALSE(send({server})) << "nothing is taken after stop()";
  stop();
}

TEST_F(StitchProcessorTest, ARefusedBatchWasNotTaken) {
  start("{wait: 1h}");
  next_.answer_next({ErrorKind::kRetryable, "full"});
  EXPECT_FALSE(send({server, client}));
  EXPECT_EQ(balance().taken, 0U);
  EXPECT_EQ(balance().refused, 2U);
  ASSERT_TRUE(send({server, client}));
  EXPECT_THAT(out(), ElementsAre("1/10<2 wire", "1/2"));
  EXPECT_EQ(balance().taken, 2U);
}

TEST_F(StitchProcessorTest, WhatWasJoinedAndRefusedIsOfferedAgain) {
  start("{wait: 1h}");
  ASSERT_TRUE(send({client}));
  next_.answer_next({ErrorKind::kRetryable, "full"});
  next_.answer_next({ErrorKind::kRetryable, "full"});
  ASSERT_TRUE(send({server}));
  ASSERT_TRUE(next_.wait_for_spans(2));
  stop();
  EXPECT_THAT(out(), ElementsAre("1/10<2 wire", "1/2"));
  EXPECT_EQ(metric("kernspan_stitch_offers_refused"), 2);
  EXPECT_EQ(balance().passed_on, 2U);
}

TEST_F(StitchProcessorTest, APermanentErrorDropsAndCounts) {
  start("{wait: 1h}");
  ASSERT_TRUE(send({client}));
  next_.answer_next({ErrorKind::kPermanent, "never"});
  ASSERT_TRUE(send({server}));
  EXPECT_EQ(balance().dropped.at("permanent_error"), 1U);
  EXPECT_EQ(balance().held, 0U);
}

TEST_F(StitchProcessorTest, RefusesWhenTheNextTakesNothing) {
  start("{wait: 1h, max_waiting_bytes: 4000}");
  ASSERT_TRUE(send({client}));
  next_.refuse_all(true);
  Status taken;
  std::size_t spans = 0;
  for (unsigned i = 0; i < 100 && taken; ++i) {
    taken = send({server});
    if (taken) ++spans;
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(balance().held, spans);
  next_.refuse_all(false);
  ASSERT_TRUE(next_.wait_for_spans(1 + spans));
  stop();
  EXPECT_EQ(balance().held, 0U);
  EXPECT_EQ(balance().passed_on, 1 + spans);
}

TEST_F(StitchProcessorTest, WhatIsRefusedUntilTheEndIsCounted) {
  start("{wait: 1h}");
  ASSERT_TRUE(send({server}));
  next_.refuse_all(true);
  stop(std::chrono::milliseconds(30));
  EXPECT_EQ(balance().dropped.at("shutdown"), 1U);
  EXPECT_EQ(balance().held, 0U);
}

TEST_F(StitchProcessorTest, DuplicatesAreLeftOutByTheirFinalIds) {
  start("{wait: 1h, deduplicate: {enabled: true}}");
  ASSERT_TRUE(send({server, server}));
  ASSERT_TRUE(send({client}));
  ASSERT_TRUE(send({client, {.trace = 9, .span = 90}}));
  ASSERT_TRUE(send({server}));
  EXPECT_THAT(out(), ElementsAre("1/10<2 wire", "1/2", "9/90"));
  EXPECT_EQ(metric("kernspan_stitch_duplicate_spans"), 3);
  EXPECT_EQ(balance().dropped.at("duplicate"), 3U);
  EXPECT_EQ(balance().held, 0U);
}

TEST_F(StitchProcessorTest, ManyThreadsAtOnce) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kCalls = 200;
  start("{wait: 1h}");
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread] {
      for (unsigned i = 0; i < kCalls; ++i) {
        // Even threads tell of clients, odd ones of the servers of the thread before.
        const unsigned callee = 1000 * (thread / 2 + 1) + i;
        const ToldSpan call = {.trace = 1, .span = callee, .calls = callee};
        const ToldSpan serve = {.trace = callee, .span = callee + 100'000, .derived = true};
        EXPECT_TRUE(send({thread % 2 == 0 ? call : serve}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(next_.spans(), std::size_t{kThreads} * kCalls);
  stop();
  EXPECT_EQ(balance().passed_on, std::uint64_t{kThreads} * kCalls);
  for (const std::string& text : out()) EXPECT_THAT(text, ::testing::StartsWith("1/"));
}

}  // namespace
}  // namespace kernspan::stitch
