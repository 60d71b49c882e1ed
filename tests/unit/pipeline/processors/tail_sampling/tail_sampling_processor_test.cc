#include "pipeline/processors/tail_sampling/tail_sampling_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "tests/unit/pipeline/processors/tail_sampling/shard_fixture.h"

namespace kernspan::sampling {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kKeepNone[] =
    "policies: [{name: none, type: probabilistic, probabilistic: {sampling_percentage: 0}}]\n";
constexpr char kKeepAll[] = "policies: [{name: all, type: always_sample}]\n";
// 50 % of the traces.
constexpr char kKeepSome[] =
    "policies: [{name: some, type: probabilistic, probabilistic: {sampling_percentage: 50}}]\n";

class TailSamplingProcessorTest : public ::testing::Test {
 protected:
  std::string create(const std::string& yaml) {
    auto made =
        tail_sampling_processor_factory().create(stage_.yaml(yaml), stage_.context(), next_);
    if (!made) return made.error().message;
    processor_ = *std::move(made);
    return "";
  }
  void start(const std::string& yaml) {
    ASSERT_EQ(create(yaml), "");
    const Status started = processor_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void stop(std::chrono::milliseconds patience = kPatience) {
    processor_->stop(std::chrono::steady_clock::now() + patience);
  }
  Status send(const std::vector<TestSpan>& spans) { return processor_->consume(batch_of(spans)); }
  double metric(const std::string& name, MetricLabels labels = {}) {
    labels.insert({{"processor", "tail_sampling"}, {"pipeline", "traces"}});
    return stage_.metric(name, labels);
  }
  StageBalance balance() {
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    EXPECT_EQ(balance.held, 0U);
    return balance;
  }
  void wait_until_nothing_is_held() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (stage_.books.balance().held != 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    EXPECT_EQ(stage_.books.balance().held, 0U);
  }
  // "trace/span" of what the next component got.
  std::multiset<std::string> passed_on() {
    otlp::ReferenceRequest request;
    EXPECT_TRUE(request.ParseFromString(next_.bytes()));
    std::multiset<std::string> spans;
    for (const auto& resource : request.resource_spans()) {
      for (const auto& scope : resource.scope_spans()) {
        for (const auto& span : scope.spans()) spans.insert(text_of(span));
      }
    }
    return spans;
  }

  ComponentStage stage_{"tail_sampling"};
  RememberingConsumer next_;
  std::unique_ptr<Processor> processor_;
};

TEST_F(TailSamplingProcessorTest, DecidesWhenTheWaitIsOver) {
  start("decision_wait: 50ms\n" + std::string(kKeepAll));
  EXPECT_TRUE(send({{1, 1}, {2, 1}}));
  EXPECT_TRUE(send({{1, 2}}));
  ASSERT_TRUE(next_.wait_for_spans(3));
  stop();
  EXPECT_EQ(passed_on(), (std::multiset<std::string>{"1/1", "1/2", "2/1"}));
  EXPECT_EQ(balance().passed_on, 3U);
  EXPECT_EQ(metric("otelcol_processor_tail_sampling_global_count_traces_sampled",
                   {{"sampled", "true"}, {"decision", "sampled"}}),
            2);
  EXPECT_EQ(metric("otelcol_processor_tail_sampling_new_trace_id_received"), 2);
}

TEST_F(TailSamplingProcessorTest, SayWhatIsWrongWithTheSettings) {
  EXPECT_THAT(create("policies: [{name: a, type: always_sample}]\nnum_shards: 257\n"),
              HasSubstr("num_shards"));
  EXPECT_THAT(create("tail_storage: pebble\n" + std::string(kKeepAll)), HasSubstr("tail_storage"));
  EXPECT_THAT(create("sampling_strategy: guess\n" + std::string(kKeepAll)),
              HasSubstr("span-ingest"));
  EXPECT_THAT(create("num_traces: 0\n" + std::string(kKeepAll)), HasSubstr("num_traces"));
  EXPECT_THAT(create("block_on_overflow: true\ndecide_on_overflow: true\n" + std::string(kKeepAll)),
              HasSubstr("choose one"));
  EXPECT_THAT(create("sampling_strategy: span-ingest\npolicies: [{name: slow, type: rate_limiting, "
                     "rate_limiting: {spans_per_second: 5}}]\n"),
              HasSubstr("\"slow\""));
  EXPECT_THAT(create("decision_caches: {}\n" + std::string(kKeepAll)), HasSubstr("decision_cache"));
}

TEST_F(TailSamplingProcessorTest, EverySettingIsTaken) {
  EXPECT_EQ(create("decision_wait: 100ms\n"
                   "decision_wait_after_root_received: 10ms\n"
                   "num_traces: 100\n"
                   "expected_new_traces_per_sec: 10\n"
                   "decision_cache: {sampled_cache_size: 1000, non_sampled_cache_size: 2000}\n"
                   "sample_on_first_match: true\n"
                   "maximum_trace_size_bytes: 100000\n"
                   "block_on_overflow: true\n"
                   "drop_pending_traces_on_shutdown: true\n"
                   "num_shards: 4\n"
                   "sampling_strategy: trace-complete\n"
                   "memory_limit_mib: 100\n"
                   "adjusted_count: {trace_state: false, attribute: count}\n" +
                   std::string(kKeepAll)),
            "");
}

TEST_F(TailSamplingProcessorTest, StopDecidesOnWhatIsHeld) {
  start("decision_wait: 1h\n" + std::string(kKeepSome));
  std::vector<TestSpan> spans;
  for (int trace = 0; trace < 100; ++trace) spans.push_back({trace, 1});
  EXPECT_TRUE(send(spans));
  stop();
  const StageBalance at_end = balance();
  EXPECT_GT(at_end.passed_on, 20U);
  EXPECT_LT(at_end.passed_on, 80U);
  EXPECT_EQ(at_end.dropped.at("not_sampled"), 100 - at_end.passed_on);
  EXPECT_FALSE(send({{1, 2}})) << "nothing is taken after stop()";
  stop();
}

// A request that comes too late is gone as soon as the shard has looked at it.
TEST_F(TailSamplingProcessorTest, LateRequestsOfDroppedTracesAreLetGo) {
  start("decision_wait: 1ms\nnum_traces: 10\ndecision_cache: {non_sampled_cache_size: 10}\n" +
        std::string(kKeepNone));
  EXPECT_TRUE(send({{1, 1}}));
  wait_until_nothing_is_held();
  EXPECT_TRUE(send({{1, 2}, {1, 3}}));
  wait_until_nothing_is_held();
  stop();
  EXPECT_EQ(balance().dropped.at("not_sampled"), 3U);
}

TEST_F(TailSamplingProcessorTest, StopDropsWhatIsPendingWhenSoConfigured) {
  start("decision_wait: 1h\ndrop_pending_traces_on_shutdown: true\n" + std::string(kKeepAll));
  EXPECT_TRUE(send({{1, 1}, {2, 1}}));
  stop();
  EXPECT_EQ(balance().dropped.at("pending_at_shutdown"), 2U);
}

TEST_F(TailSamplingProcessorTest, WhatIsRefusedIsOfferedAgain) {
  start("decision_wait: 1ms\n" + std::string(kKeepAll));
  next_.answer_next({ErrorKind::kRetryable, "full"});
  EXPECT_TRUE(send({{1, 1}}));
  ASSERT_TRUE(next_.wait_for_spans(1));
  stop();
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_offers_refused"), 1);
  EXPECT_EQ(balance().passed_on, 1U);
}

TEST_F(TailSamplingProcessorTest, WhatIsRefusedForGoodIsDropped) {
  start("decision_wait: 1ms\n" + std::string(kKeepAll));
  next_.answer_next({ErrorKind::kPermanent, "never"});
  EXPECT_TRUE(send({{1, 1}}));
  ASSERT_TRUE(next_.wait_for_calls(1));
  stop();
  EXPECT_EQ(balance().dropped.at("permanent_error"), 1U);
}

TEST_F(TailSamplingProcessorTest, WhatIsRefusedUntilTheDeadlineIsDropped) {
  start("decision_wait: 1h\n" + std::string(kKeepAll));
  next_.refuse_all(true);
  EXPECT_TRUE(send({{1, 1}}));
  stop(1ms);
  EXPECT_EQ(balance().dropped.at("shutdown"), 1U);
}

TEST_F(TailSamplingProcessorTest, RefusesWhenKeptSpansFillTheMemory) {
  start("decision_wait: 0s\nmemory_limit_mib: 1\n" + std::string(kKeepAll));
  next_.refuse_all(true);
  Status taken;
  int accepted = 0;
  for (; accepted < 20 && taken; ++accepted) {
    taken = send({{accepted, 1, false, "", 200 << 10}});
  }
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kRetryable);
  EXPECT_FALSE(processor_->admit(otlp::Signal::kTraces, 300 << 10));
  EXPECT_LE(metric("kernspan_processor_tail_sampling_held_bytes"),
            metric("kernspan_processor_tail_sampling_held_bytes_limit"));
  next_.refuse_all(false);
  ASSERT_TRUE(next_.wait_for_spans(static_cast<std::size_t>(accepted) - 1));
  EXPECT_TRUE(send({{1, 2}}));
  stop();
  balance();
}

TEST_F(TailSamplingProcessorTest, ARequestLargerThanAllOfTheMemoryIsRefusedForGood) {
  start("memory_limit_mib: 1\n" + std::string(kKeepAll));
  const Status taken = send({{1, 1, false, "", 2 << 20}});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kPermanent);
  stop();
  balance();
}

TEST_F(TailSamplingProcessorTest, BlocksInsteadOfDroppingWhenSoConfigured) {
  start("decision_wait: 30ms\nnum_traces: 1\nblock_on_overflow: true\n" + std::string(kKeepAll));
  for (int trace = 0; trace < 10; ++trace) EXPECT_TRUE(send({{trace, 1}}));
  ASSERT_TRUE(next_.wait_for_spans(10));
  stop();
  EXPECT_EQ(balance().passed_on, 10U);
}

TEST_F(TailSamplingProcessorTest, StopTakesWhatIsBlocked) {
  start("decision_wait: 1h\nnum_traces: 1\nblock_on_overflow: true\n" + std::string(kKeepAll));
  for (int trace = 0; trace < 10; ++trace) EXPECT_TRUE(send({{trace, 1}}));
  stop();
  EXPECT_EQ(balance().passed_on, 10U);
}

// Whole traces, whoever brings their spans and however they are spread over shards.
TEST_F(TailSamplingProcessorTest, ShardsKeepTracesWhole) {
  constexpr int kTraces = 300;
  constexpr int kSenders = 4;
  constexpr int kSpans = 5;
  start("decision_wait: 1h\nnum_shards: 3\n" + std::string(kKeepSome));
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenders; ++sender) {
    senders.emplace_back([&, sender] {
      for (int span = 0; span < kSpans; ++span) {
        std::vector<TestSpan> spans;
        for (int trace = 0; trace < kTraces; ++trace) {
          spans.push_back({trace, sender * kSpans + span});
        }
        EXPECT_TRUE(send(spans));
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  stop();
  std::map<std::string, int> spans_of;
  for (const std::string& span : passed_on()) ++spans_of[span.substr(0, span.find('/'))];
  EXPECT_GT(spans_of.size(), 100U);
  EXPECT_LT(spans_of.size(), 200U);
  for (const auto& [trace, spans] : spans_of) EXPECT_EQ(spans, kSenders * kSpans) << trace;
  EXPECT_EQ(balance().taken, static_cast<std::uint64_t>(kTraces * kSenders * kSpans));
  EXPECT_EQ(metric("otelcol_processor_tail_sampling_new_trace_id_received"), kTraces);
}

// Callers, decisions, refusals and the stop all at once, for the thread sanitizer.
TEST_F(TailSamplingProcessorTest, SurvivesAStopInTheMiddleOfTraffic) {
  start(
      "decision_wait: 1ms\nnum_shards: 2\nnum_traces: 50\n"
      "decision_cache: {sampled_cache_size: 20, non_sampled_cache_size: 20}\n" +
      std::string(kKeepSome));
  std::atomic<bool> is_stopping{false};
  std::vector<std::thread> senders;
  for (int sender = 0; sender < 3; ++sender) {
    senders.emplace_back([&, sender] {
      for (int i = 0; !is_stopping || i < 20; ++i) {
        std::ignore = send({{i % 256, sender, i % 3 == 0}, {i % 16, sender}});
        std::ignore = processor_->admit(otlp::Signal::kTraces, 100);
      }
    });
  }
  ASSERT_TRUE(next_.wait_for_spans(100));
  is_stopping = true;
  stop();
  for (std::thread& sender : senders) sender.join();
  balance();
}

TEST_F(TailSamplingProcessorTest, LimitsStandNextToTheirUses) {
  start(
      "num_traces: 77\nmemory_limit_mib: 5\ndecision_wait: 1h\n"
      "decision_cache: {sampled_cache_size: 3, non_sampled_cache_size: 4}\n" +
      std::string(kKeepAll));
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_traces_limit"), 77);
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_held_bytes_limit"), 5 << 20);
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_cached_decisions_limit"), 7);
  EXPECT_TRUE(send({{1, 1}, {2, 1}, {2, 2}}));
  stop();
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_pending_traces"), 0);
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_held_spans"), 0);
  EXPECT_EQ(metric("kernspan_processor_tail_sampling_cached_decisions"), 2);
  balance();
}

}  // namespace
}  // namespace kernspan::sampling
