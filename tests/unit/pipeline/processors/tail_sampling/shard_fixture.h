// A shard with a clock and policies of the test's own, and what became of the spans it was given.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/processors/tail_sampling/shard.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::sampling {

struct TestSpan {
  int trace = 0;
  int span = 0;
  bool is_root = false;
  std::string trace_state = {};
  std::size_t padding = 0;  // bytes of its name
};

inline TraceId trace_id(int trace) {
  TraceId id;
  id.bytes.fill(0x11);
  id.bytes[0] = static_cast<std::uint8_t>(trace);
  id.bytes[1] = static_cast<std::uint8_t>(trace >> 8);
  return id;
}

// "trace/span": what tests compare.
inline std::string text_of(const opentelemetry::proto::trace::v1::Span& span) {
  const auto byte = [](const std::string& text, std::size_t position) {
    return static_cast<int>(static_cast<unsigned char>(text[position]));
  };
  return std::to_string(byte(span.trace_id(), 0) + 256 * byte(span.trace_id(), 1)) + "/" +
         std::to_string(byte(span.span_id(), 0));
}

inline otlp::Batch batch_of(const std::vector<TestSpan>& spans, int resources = 1) {
  otlp::ReferenceRequest request;
  for (int i = 0; i < resources; ++i) {
    auto& resource = *request.add_resource_spans();
    auto& attribute = *resource.mutable_resource()->add_attributes();
    attribute.set_key("service.name");
    attribute.mutable_value()->set_string_value("shop" + std::to_string(i));
    resource.add_scope_spans()->mutable_scope()->set_name("test");
  }
  int resource = 0;
  for (const TestSpan& each : spans) {
    auto& span = *request.mutable_resource_spans(resource++ % resources)
                      ->mutable_scope_spans(0)
                      ->add_spans();
    span.set_trace_id(std::string(trace_id(each.trace).view()));
    std::string id(8, '\x22');
    id[0] = static_cast<char>(each.span);
    span.set_span_id(id);
    if (!each.is_root) span.set_parent_span_id(std::string(8, '\x33'));
    span.set_trace_state(each.trace_state);
    span.set_name("GET /cart" + std::string(each.padding, 'x'));
  }
  auto batch = otlp::Batch::from_wire(request.SerializeAsString());
  EXPECT_TRUE(batch);
  return *std::move(batch);
}

class ShardFixture : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kMemory = 64 << 20;

  void make(const TailSamplingSettings& settings, std::size_t shards = 1,
            std::uint64_t memory = kMemory) {
    memory_ = std::make_unique<HeldMemory>(memory);
    const bool is_ingest = settings.strategy == Strategy::kSpanIngest;
    shard_ = std::make_unique<Shard>(
        settings, shards,
        [this, is_ingest](const TraceView& trace, std::uint64_t) -> std::optional<Verdict> {
          seen_.push_back(
              {trace.trace_id, trace.spans.size(), trace.span_count(), trace.byte_count});
          if (const auto found = verdicts_.find(trace.trace_id); found != verdicts_.end()) {
            return found->second;
          }
          if (is_ingest) return std::nullopt;
          return Verdict{};
        },
        *memory_, counters_, clock_);
  }

  void verdict(int trace, Outcome outcome, std::optional<double> probability = {}) {
    verdicts_[trace_id(trace)] = {.outcome = outcome, .probability = probability};
  }

  // All of them; what does not fit stays in rest_.
  std::size_t send(const std::vector<TestSpan>& spans, int resources = 1) {
    const otlp::Batch batch = batch_of(spans, resources);
    stage_.books.take(batch.item_count());
    stage_.books.hold(batch.item_count());
    HeldRequest* const request = HeldRequest::make(batch.clone(), sequence_++, *memory_);
    rest_ = {.request = request, .first_seen_ns = clock_.monotonic_ns()};
    return shard_->take(rest_, 0);
  }

  void wait(std::chrono::nanoseconds time) {
    clock_.advance(time);
    shard_->advance();
  }

  // What has been kept since the last time, in order, "trace/span" each.
  std::vector<std::string> kept() {
    std::vector<std::string> spans;
    last_kept_.Clear();
    for (const otlp::Batch& batch : shard_->take_kept()) {
      const std::string bytes(batch.joined().view());
      EXPECT_TRUE(otlp::Batch::from_wire(bytes));
      otlp::ReferenceRequest request;
      EXPECT_TRUE(request.ParseFromString(bytes));
      last_kept_.MergeFrom(request);
      // The pieces alone lead to the same spans: none is cut.
      const otlp::SpanIndex pieces(batch);
      const otlp::SpanIndex whole(otlp::Batch::from_encoder(bytes, batch.item_count()));
      EXPECT_EQ(whole.size(), batch.item_count());
      EXPECT_EQ(pieces.size(), whole.size());
      for (std::size_t i = 0; i < std::min(pieces.size(), whole.size()); ++i) {
        EXPECT_EQ(pieces.bytes(i), whole.bytes(i));
      }
      largest_kept_ = std::max(largest_kept_, batch.item_count());
      stage_.books.release(batch.item_count());
      stage_.books.pass_on(batch.item_count());
    }
    for (const auto& resource : last_kept_.resource_spans()) {
      for (const auto& scope : resource.scope_spans()) {
        for (const auto& span : scope.spans()) spans.push_back(text_of(span));
      }
    }
    return spans;
  }

  std::uint64_t dropped(const std::string& reason) { return stage_.books.dropped(reason).value(); }

  // Nothing is held or remembered to be held any more.
  void expect_empty() {
    EXPECT_EQ(shard_->traces().held_span_count(), 0U);
    const StageBalance balance = stage_.books.balance();
    EXPECT_TRUE(balance.balances()) << balance.difference();
    EXPECT_EQ(balance.held, 0U);
  }

  struct Seen {
    TraceId id;
    std::size_t spans = 0;
    std::uint64_t span_count = 0;
    std::uint64_t bytes = 0;
  };

  FakeClock clock_;
  ComponentStage stage_{"tail_sampling", &clock_};
  SamplingCounters counters_{stage_.context()};
  std::unique_ptr<HeldMemory> memory_;
  std::unique_ptr<Shard> shard_;
  std::map<TraceId, Verdict> verdicts_;
  std::vector<Seen> seen_;  // what the policies were asked
  Arrival rest_;
  otlp::ReferenceRequest last_kept_;
  std::uint64_t sequence_ = 0;
  std::size_t largest_kept_ = 0;  // of the batches
};

}  // namespace kernspan::sampling
