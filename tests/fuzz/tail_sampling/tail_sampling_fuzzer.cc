// The state machine of tail sampling on arbitrary sequences of requests, moments and decisions of
// others, against a simple model of it. Input: five bytes of settings, then operations of a byte and
// their operands. With little memory, where the model does not say which trace goes first, it is
// only checked that nothing is lost and nothing leaks.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/otlp/span_encoder.h"
#include "pipeline/processors/tail_sampling/shard.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/tail_sampling/shard_model.h"

namespace kernspan::sampling {
namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

class HandClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override { return now_ns; }
  std::uint64_t wall_ns() const override { return now_ns; }
  std::uint64_t now_ns = 1'000'000'000;
};

TraceId id_of(int trace) {
  TraceId id;
  id.bytes.fill(0x11);
  id.bytes[0] = static_cast<std::uint8_t>(trace);
  return id;
}

TailSamplingSettings settings_from(FuzzInput& input) {
  const std::uint8_t flags = input.take_byte();
  const std::uint8_t sizes = input.take_byte();
  const std::uint8_t caches = input.take_byte();
  TailSamplingSettings settings;
  // Less than a turn of the wheel in all, so that the order of decisions is the model's.
  settings.decision_wait = std::chrono::milliseconds(10 * input.take_byte());
  settings.decision_wait_after_root_received = std::chrono::milliseconds(10 * input.take_byte());
  settings.num_traces = 1 + sizes % 16;
  settings.maximum_trace_size_bytes = sizes / 16 * 50;
  settings.sampled_cache_size = caches % 4;
  settings.non_sampled_cache_size = caches / 4 % 4;
  settings.block_on_overflow = (flags & 1) != 0;
  settings.decide_on_overflow = (flags & 3) == 2;
  settings.drop_pending_traces_on_shutdown = (flags & 4) != 0;
  return settings;
}

class Run {
 public:
  Run(FuzzInput& input, std::uint64_t memory_bytes)
      : input_(input),
        settings_(settings_from(input)),
        has_model_(memory_bytes > kPlenty),
        counters_({.id = "tail_sampling",
                   .path = "",
                   .pipeline = "traces",
                   .signals = kTracesOnly,
                   .extensions = extensions_,
                   .metrics = metrics_,
                   .ledger = ledger_,
                   .books = ledger_.add_stage("tail_sampling"),
                   .clock = clock_,
                   .warnings = warnings_}),
        memory_(memory_bytes),
        shard_(std::make_unique<Shard>(
            settings_, 1,
            [](const TraceView& trace, std::uint64_t) {
              const int number = trace.trace_id.bytes[0];
              const TraceStatus status = model_verdict(number, trace.spans.size());
              return Verdict{.outcome = status == TraceStatus::kSampled   ? Outcome::kSampled
                                        : status == TraceStatus::kDropped ? Outcome::kDropped
                                                                          : Outcome::kNotSampled};
            },
            memory_, counters_, clock_)),
        model_(settings_, clock_.now_ns) {}

  void run() {
    while (!input_.empty()) {
      step();
      compare();
    }
    // As the thread does when it ends.
    do {
      shard_->finish();
      model_.finish();
    } while (take_waiting());
    compare();
    check(kept_ + dropped() == sent_);
    check(ledger_.balances().front().held == 0);
    check(shard_->traces().held_span_count() == 0);
    shard_.reset();
    check(memory_.used() == 0);
  }

  static constexpr std::uint64_t kPlenty = 1 << 28;

 private:
  void step() {
    const std::uint8_t operation = input_.take_byte();
    switch (operation % 8) {
      case 0:
        clock_.now_ns += (1 + operation / 8) * 1'000'000ULL;
        break;
      case 1:
        clock_.now_ns += input_.take_byte() * 10'000'000ULL;
        break;
      case 2:
        return remember(input_.take_byte(), operation / 8);
      default:
        send(operation % 8 - 2);
    }
    shard_->advance();
    model_.advance(clock_.now_ns);
    take_waiting();
  }

  void send(int spans) {
    std::vector<ModelSpan> request;
    otlp::RequestEncoder encoder;
    for (int i = 0; i < spans; ++i) {
      const std::uint8_t byte = input_.take_byte();
      const ModelSpan span{.trace = byte % 32, .span = next_span_++, .is_root = byte >= 224};
      otlp::SpanData data;
      data.trace_id = id_of(span.trace);
      std::memcpy(data.span_id.bytes.data(), &span.span, sizeof span.span);
      data.span_id.bytes[7] = 1;
      if (!span.is_root) data.parent_span_id.bytes.fill(1);
      encoder.add_span(data);
      request.push_back(span);
    }
    const otlp::Batch batch = encoder.take();
    HeldRequest* const held = HeldRequest::make(batch.clone(), requests_, memory_);
    const otlp::RequestTree& tree = held->index().tree();
    for (std::size_t i = 0; i < request.size(); ++i) {
      request[i].bytes = held->index().spans()[i].position.size;
      request[i].header_bytes = tree.scopes[0].header.size() + tree.resources[0].header.size();
    }
    counters_.books.take(request.size());
    counters_.books.hold(request.size());
    sent_ += request.size();
    waiting_.push_back({{.request = held, .first_seen_ns = clock_.now_ns}, request, requests_++});
    take_waiting();
  }

  // True when something was taken.
  bool take_waiting() {
    bool has_taken = false;
    while (!waiting_.empty()) {
      Waiting& first = waiting_.front();
      first.arrival.first_seen_ns = clock_.now_ns;
      const std::size_t begin = position_;
      position_ = shard_->take(first.arrival, begin);
      if (has_model_) {
        check(model_.take(first.spans, first.number, begin, clock_.now_ns) == position_);
      }
      has_taken |= position_ != begin;
      if (memory_.is_short()) shard_->relieve();
      if (position_ < first.spans.size()) break;
      waiting_.pop_front();
      position_ = 0;
    }
    return has_taken;
  }

  void remember(std::uint8_t trace, int status) {
    constexpr TraceStatus kStatuses[] = {TraceStatus::kSampled, TraceStatus::kNotSampled,
                                         TraceStatus::kDropped};
    shard_->remember(id_of(trace % 32), {.status = kStatuses[status % 3]});
    model_.remember(trace % 32, kStatuses[status % 3], clock_.now_ns);
  }

  void compare() {
    compare_kept();
    // What relieving lets go may stay pinned by other traces of the same requests, until it comes again.
    while (!has_model_ && memory_.is_short() && shard_->traces().pending_count() != 0) {
      shard_->relieve();
      compare_kept();
    }
    if (!has_model_) check(memory_.used() <= memory_.limit() || !waiting_.empty());
  }

  void compare_kept() {
    std::vector<int> kept;
    for (const otlp::Batch& batch : shard_->take_kept()) {
      auto checked = otlp::Batch::from_wire(std::string(batch.joined().view()));
      check(checked && checked->item_count() == batch.item_count());
      const otlp::SpanIndex index(*checked);
      for (const otlp::IndexedSpan& span : index.spans()) {
        std::memcpy(&kept.emplace_back(), span.span_id.bytes.data(), sizeof(int));
      }
    }
    counters_.books.release(kept.size());
    counters_.books.pass_on(kept.size());
    kept_ += kept.size();
    check(ledger_.balances_all());
    if (!has_model_) return;
    std::vector<int> expected = model_.take_kept();
    std::ranges::sort(expected);
    std::ranges::sort(kept);
    check(kept == expected);
    check(shard_->traces().size() == model_.trace_count());
    check(shard_->traces().pending_count() == model_.pending_count());
    check(shard_->traces().held_span_count() == model_.held_span_count());
    for (const char* reason : kReasons) {
      check(counters_.books.dropped(reason).value() == model_.dropped(reason));
    }
  }

  std::uint64_t dropped() {
    std::uint64_t spans = 0;
    for (const char* reason : kReasons) spans += counters_.books.dropped(reason).value();
    return spans;
  }

  static constexpr const char* kReasons[] = {"not_sampled", "dropped_by_policy", "trace_too_large",
                                             "dropped_too_early", "pending_at_shutdown"};
  struct Waiting {
    Arrival arrival;
    std::vector<ModelSpan> spans;
    std::uint64_t number;
  };

  FuzzInput& input_;
  const TailSamplingSettings settings_;
  const bool has_model_;
  HandClock clock_;
  Extensions extensions_;
  Metrics metrics_;
  Ledger ledger_;
  ConfigWarnings warnings_;
  SamplingCounters counters_;
  HeldMemory memory_;
  std::unique_ptr<Shard> shard_;
  ShardModel model_;
  std::deque<Waiting> waiting_;
  std::size_t position_ = 0;  // in the first of them
  std::uint64_t requests_ = 0;
  int next_span_ = 1;
  std::uint64_t sent_ = 0;
  std::uint64_t kept_ = 0;
};

}  // namespace
}  // namespace kernspan::sampling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kernspan::sampling::Run;
  if (size < 7 || size > 400) return 0;
  kernspan::FuzzInput input(std::string_view(reinterpret_cast<const char*>(data), size));
  const bool is_short = input.take_byte() % 4 == 0;
  Run(input, is_short ? 8 << 10 : 2 * Run::kPlenty).run();
  return 0;
}
