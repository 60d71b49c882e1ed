// The part of a shard that deals with other replicas of the tier.
#include <algorithm>
#include <bit>
#include <chrono>
#include <tuple>
#include <utility>

#include "pipeline/component/trace_door.h"
#include "pipeline/otlp/request_builder.h"
#include "pipeline/processors/tail_sampling/shard.h"

namespace kernspan::sampling {
namespace {

// How soon a trace that may not be decided yet is looked at again.
constexpr std::uint64_t kLookAgainNs = 100'000'000;
// Of one hand-off: about TraceDoor::kPortionBytes of the wire.
constexpr std::size_t kMaxDecided = TraceDoor::kPortionBytes / sizeof(DecidedTrace);

// The spans as one batch. Where most of a request goes its bytes stay where they are.
otlp::Batch batch_of(std::vector<SpanRun> runs) {
  std::ranges::sort(
      runs, {}, [](const SpanRun& run) { return std::tuple(run.request->sequence(), run.first); });
  otlp::Batch batch;
  for (std::size_t begin = 0; begin < runs.size();) {
    const HeldRequest& request = *runs[begin].request;
    const otlp::SpanIndex& index = request.index();
    std::size_t end = begin;
    std::size_t spans = 0;
    for (; end < runs.size() && runs[end].request == &request; ++end) spans += runs[end].count;
    const bool share = 2 * spans >= index.size();
    otlp::RequestBuilder builder(index.tree(), otlp::Signal::kTraces);
    for (; begin < end; ++begin) {
      for (std::uint32_t i = 0; i < runs[begin].count; ++i) {
        const std::uint32_t span = runs[begin].first + i;
        const otlp::IndexedSpan& fields = index.spans()[span];
        if (share) {
          builder.add(fields.scope, fields.position);
        } else {
          builder.add_new(fields.scope, index.bytes(span));
        }
      }
    }
    batch.append(builder.take());
  }
  return batch;
}

DecidedTrace decided_trace(const TraceId& id, const TraceDecision& decision) {
  return {.trace_id = id,
          .verdict = static_cast<std::uint8_t>(decision.status),
          .detail = std::bit_cast<std::uint64_t>(decision.probability)};
}

}  // namespace

void Shard::follow_ring(std::shared_ptr<const TraceOwnership> ownership, Counter& alone) {
  ownership_ = std::move(ownership);
  alone_ = &alone;
}

// Another replica has seen the trace first.
void Shard::see_earlier(std::uint32_t trace, std::uint64_t first_seen_ns) {
  TraceEntry& entry = table_[trace];
  if (first_seen_ns >= entry.first_seen_ns) return;
  entry.first_seen_ns = first_seen_ns;
  const std::uint64_t due =
      first_seen_ns + static_cast<std::uint64_t>(settings_.decision_wait.count());
  if (due >= entry.due_ns) return;
  wheel_.remove(trace);
  wheel_.insert(trace, due);
}

// Of a trace that was due and is not in the wheel: it is put back when it may not be decided.
bool Shard::may_decide(std::uint32_t trace) {
  if (ownership_ == nullptr) return true;
  const TraceEntry& entry = table_[trace];
  const std::uint64_t due =
      entry.first_seen_ns + static_cast<std::uint64_t>(settings_.decision_wait.count());
  switch (ownership_->may_decide(entry.id, due, now_ns_)) {
    case TraceOwnership::MayDecide::kYes:
      return true;
    case TraceOwnership::MayDecide::kAlone:
      alone_->add();
      return true;
    case TraceOwnership::MayDecide::kNotYet:
      break;
  }
  wheel_.insert(trace, now_ns_ + kLookAgainNs);
  return false;
}

bool Shard::give_up_foreign(const HandOver& hand_over) {
  if (ownership_ == nullptr) return true;
  now_ns_ = clock_.monotonic_ns();
  std::vector<std::uint32_t> portion;
  std::uint64_t bytes = 0;
  bool given = true;
  for (std::uint32_t trace = table_.oldest_pending(); trace != TraceTable::kNone && given;) {
    const std::uint32_t next = table_[trace].next;
    if (!ownership_->is_mine(table_[trace].id)) {
      portion.push_back(trace);
      bytes += table_[trace].byte_count;
    }
    if (bytes >= TraceDoor::kPortionBytes || (next == TraceTable::kNone && !portion.empty())) {
      given = give_up_traces(portion, hand_over);
      portion.clear();
      bytes = 0;
    }
    trace = next;
  }
  given = given && give_up_decided(hand_over) && give_up_cached(sampled_cache_, hand_over) &&
          give_up_cached(non_sampled_cache_, hand_over);
  account();
  return given;
}

bool Shard::give_up_traces(const std::vector<std::uint32_t>& traces, const HandOver& hand_over) {
  HandOff hand_off;
  runs_.clear();
  for (const std::uint32_t trace : traces) {
    table_.read_spans(trace, runs_);
    const std::uint64_t seen = std::min(table_[trace].first_seen_ns, now_ns_);
    hand_off.ages.push_back(
        {.trace_id = table_[trace].id,
         .age = std::chrono::nanoseconds(static_cast<std::int64_t>(now_ns_ - seen))});
  }
  hand_off.spans = batch_of(runs_);
  if (!hand_over(hand_off)) return false;
  for (const std::uint32_t trace : traces) remove_given(trace);
  return true;
}

// The trace is in another replica's hands: what this one held of it goes without a count.
void Shard::remove_given(std::uint32_t trace) {
  runs_.clear();
  table_.read_spans(trace, runs_);
  table_.clear_spans(trace);
  wheel_.remove(trace);
  if (table_[trace].is_giant) std::erase(giants_, trace);
  table_.remove(trace);
  for (const SpanRun& run : runs_) run.request->release(run.count);
}

bool Shard::give_up_decided(const HandOver& hand_over) {
  std::vector<std::uint32_t> traces;
  HandOff hand_off;
  for (std::uint32_t trace = table_.oldest_decided(); trace != TraceTable::kNone;) {
    const TraceEntry& entry = table_[trace];
    const std::uint32_t next = entry.next;
    if (!ownership_->is_mine(entry.id)) {
      traces.push_back(trace);
      hand_off.decided.push_back(decided_trace(entry.id, entry.decision));
    }
    if (traces.size() >= kMaxDecided || (next == TraceTable::kNone && !traces.empty())) {
      if (!hand_over(hand_off)) return false;
      for (const std::uint32_t given : traces) table_.remove(given);
      traces.clear();
      hand_off = {};
    }
    trace = next;
  }
  return true;
}

bool Shard::give_up_cached(DecisionCache& cache, const HandOver& hand_over) {
  bool has_more = true;
  while (has_more) {
    HandOff hand_off;
    has_more = false;
    cache.give([&](const TraceId& id, const TraceDecision& decision) {
      if (ownership_->is_mine(id)) return false;
      has_more = hand_off.decided.size() >= kMaxDecided;
      if (!has_more) hand_off.decided.push_back(decided_trace(id, decision));
      return !has_more;
    });
    if (hand_off.decided.empty()) return true;
    const std::vector<DecidedTrace> given = hand_off.decided;
    if (hand_over(hand_off)) continue;
    for (const DecidedTrace& trace : given) {  // not given after all
      cache.put(trace.trace_id, {.status = static_cast<TraceStatus>(trace.verdict),
                                 .probability = std::bit_cast<double>(trace.detail)});
    }
    return false;
  }
  return true;
}

}  // namespace kernspan::sampling
