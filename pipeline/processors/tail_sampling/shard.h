// The state machine of tail sampling for the traces of one shard. It has neither a thread nor a
// timer: who owns it brings requests and the time.
//
//                 +-- due, or early for want of memory --> policies --+--> sampled      --> kept
//   new -> pending|                                                   +--> not sampled  --> let go
//                 +-- too large, too early, shutdown ----------------------------------> let go
//
// A decided trace is remembered: in the decision cache of its kind when that has a size, else in
// the table until the room is needed. Late spans follow what is remembered; those of a trace that
// has been forgotten begin a new one. Spans are one hold each on the request they came in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/component/replica_ring.h"
#include "pipeline/component/trace_ownership.h"
#include "pipeline/processors/tail_sampling/decision_cache.h"
#include "pipeline/processors/tail_sampling/held_memory.h"
#include "pipeline/processors/tail_sampling/held_request.h"
#include "pipeline/processors/tail_sampling/kept_spans.h"
#include "pipeline/processors/tail_sampling/policies/verdict.h"
#include "pipeline/processors/tail_sampling/sampling_counters.h"
#include "pipeline/processors/tail_sampling/span_facts.h"
#include "pipeline/processors/tail_sampling/tail_sampling_settings.h"
#include "pipeline/processors/tail_sampling/timing_wheel.h"
#include "pipeline/processors/tail_sampling/trace_table.h"

namespace kernspan::sampling {

// The spans of a request that belong to a shard. Their holds go over to the shard as it takes them.
struct Arrival {
  HeldRequest* request = nullptr;
  std::vector<std::uint32_t> spans = {};  // empty: all of them
  std::uint64_t first_seen_ns = 0;        // when they came, into this process or its tier
  // SpanFacts of each span of the request; null: to be asked of them.
  std::shared_ptr<const std::vector<std::uint64_t>> facts = nullptr;

  std::size_t size() const { return spans.empty() ? request->index().size() : spans.size(); }
  std::uint32_t span(std::size_t position) const {
    return spans.empty() ? static_cast<std::uint32_t>(position) : spans[position];
  }
};

// One thread.
class Shard {
 public:
  // What the policies say of a trace: asked once per trace; or of the part of it that a request has
  // brought (span-ingest), where nothing means that it is too early to say.
  using Decide =
      std::function<std::optional<Verdict>(const TraceView& trace, std::uint64_t now_ns)>;

  // What `decide` goes by.
  struct Looks {
    std::shared_ptr<const SpanFacts> facts = nullptr;  // null: at the spans alone
    bool at_spans = true;                              // else they are only counted
  };

  // References outlive it; the settings are copied. Their sizes are divided among the shards.
  Shard(const TailSamplingSettings& settings, std::size_t shards, Decide decide, HeldMemory& memory,
        SamplingCounters& counters, const Clock& clock, Looks looks);
  Shard(const TailSamplingSettings& settings, std::size_t shards, Decide decide, HeldMemory& memory,
        SamplingCounters& counters, const Clock& clock)
      : Shard(settings, shards, std::move(decide), memory, counters, clock, Looks()) {}
  // What it still holds is let go, and in nobody's books.
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Takes the spans from that position on. Less than arrival.size() is answered when there is no
  // room for another trace (block_on_overflow): to be called again from there, after advance().
  // When all have been taken the request may be gone: its size is to be asked for before.
  std::size_t take(const Arrival& arrival, std::size_t from);

  // Decides what is due.
  void advance();
  // Decides the giants, then the oldest, until enough is let go for the memory to suffice. What is
  // kept goes on being held until take_kept().
  void relieve();
  // Decides everything; or drops it, when that is configured.
  void finish();

  // All that has been kept since the last time, to be passed on: still in the books as held.
  std::vector<otlp::Batch> take_kept() { return kept_.take(); }

  // When advance() is to be called; nothing: there is no pending trace.
  std::optional<std::uint64_t> next_look() const { return wheel_.next_look(); }

  // What others have decided. Held spans of the trace follow it at once.
  void remember(const TraceId& id, const TraceDecision& decision);

  // The replicas of the tier, when there are others (shard_replicas.cc). From now on what is due is
  // decided when the ownership allows it; `alone` counts what could wait no longer.
  void follow_ring(std::shared_ptr<const TraceOwnership> ownership, Counter& alone);
  // Hands over what other replicas own, decisions included: the spans are no longer held here when
  // `hand_over` has succeeded. False: it has failed, and the rest is still here.
  using HandOver = std::function<Status(HandOff&)>;
  bool give_up_foreign(const HandOver& hand_over);

  const TraceTable& traces() const { return table_; }
  // Publishes its part of the gauges.
  void publish();

 private:
  enum class Cause { kDue, kMemory, kGiant, kTraces, kTooLarge, kTooEarly, kShutdown, kOther };

  static TraceDecision decision_of(const Verdict& verdict);

  bool take_span(const Arrival& arrival, std::uint32_t span, std::uint32_t& trace);
  bool take_group(const Arrival& arrival, std::span<const std::uint32_t> group);
  const std::uint64_t* facts_of(const Arrival& arrival);
  void look_ahead(const Arrival& arrival, std::size_t position);
  void look_ahead(std::size_t due) const;
  std::vector<std::uint32_t> by_resource_and_trace(const Arrival& arrival) const;
  std::uint32_t open(const TraceId& id, std::uint64_t first_seen_ns);
  void see_earlier(std::uint32_t trace, std::uint64_t first_seen_ns);
  bool may_decide(std::uint32_t trace);
  bool give_up_traces(const std::vector<std::uint32_t>& traces, const HandOver& hand_over);
  bool give_up_decided(const HandOver& hand_over);
  bool give_up_cached(DecisionCache& cache, const HandOver& hand_over);
  void remove_given(std::uint32_t trace);
  std::span<const HeldSpan> spans_of(std::uint32_t trace);
  void hold(std::uint32_t trace, HeldRequest& request, std::uint32_t span);
  bool is_too_large(const TraceEntry& entry) const;
  void see_root(std::uint32_t trace);
  const TraceDecision* find_cached(const TraceId& id);
  void follow(const TraceDecision& decision, HeldRequest& request, std::uint32_t span);
  void follow_late(const TraceEntry& entry, HeldRequest& request, std::uint32_t span);
  bool make_room();
  void decide(std::uint32_t trace, Cause cause);
  void decide_on_ingest(std::uint32_t trace, HeldRequest& request,
                        std::span<const std::uint32_t> group);
  void end(std::uint32_t trace, const TraceDecision& decision, Cause cause);
  void let_go(Counter& reason);
  Counter& drop_reason(TraceStatus status, Cause cause);
  void count(TraceStatus status, Cause cause);
  void forget(std::uint32_t trace);
  std::uint32_t next_to_relieve(Cause& cause) const;
  void account();

  const TailSamplingSettings settings_;
  const std::size_t shards_;
  const std::size_t max_traces_;
  const std::uint64_t giant_bytes_;
  const Decide decide_;
  const Looks looks_;
  HeldMemory& memory_;
  SamplingCounters& counters_;
  const Clock& clock_;
  std::shared_ptr<const TraceOwnership> ownership_;  // null: there are no other replicas
  Counter* alone_ = nullptr;

  TraceTable table_;
  TimingWheel wheel_;
  DecisionCache sampled_cache_;
  DecisionCache non_sampled_cache_;
  KeptSpans kept_;
  std::vector<std::uint32_t> giants_;
  std::uint64_t now_ns_;       // as last read
  std::uint64_t charged_ = 0;  // to memory_, for the table and the caches
  // Reused.
  std::vector<std::uint32_t> due_;
  std::vector<SpanRun> runs_;
  std::vector<std::uint64_t> own_facts_;
  std::array<std::uint32_t, 16> ahead_;   // traces of spans that will be taken soon, or kNone
  const std::uint64_t* facts_ = nullptr;  // of the request in hand, by span; null without any
  std::vector<HeldSpan> view_spans_;
  // As last published.
  double published_traces_ = 0;
  double published_pending_ = 0;
  double published_spans_ = 0;
  double published_cached_ = 0;
};

}  // namespace kernspan::sampling
