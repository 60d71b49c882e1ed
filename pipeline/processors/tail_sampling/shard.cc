#include "pipeline/processors/tail_sampling/shard.h"

#include <algorithm>
#include <utility>

namespace kernspan::sampling {
namespace {

// A trace with more than this share of the memory is the first to be decided when that is short.
constexpr std::uint64_t kGiantShare = 32;

std::size_t share_of(std::size_t total, std::size_t shards) {
  return (total + shards - 1) / shards;
}

std::uint64_t nanoseconds_of(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

double seconds_between(std::uint64_t begin_ns, std::uint64_t end_ns) {
  return end_ns <= begin_ns ? 0 : static_cast<double>(end_ns - begin_ns) * 1e-9;
}

TraceStatus status_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSampled:
      return TraceStatus::kSampled;
    case Outcome::kDropped:
      return TraceStatus::kDropped;
    case Outcome::kNotSampled:
      break;
  }
  return TraceStatus::kNotSampled;
}

}  // namespace

Shard::Shard(const TailSamplingSettings& settings, std::size_t shards, Decide decide,
             HeldMemory& memory, SamplingCounters& counters, const Clock& clock, Looks looks)
    : settings_(settings),
      shards_(shards),
      max_traces_(share_of(settings.num_traces, shards)),
      giant_bytes_(memory.limit() / kGiantShare),
      decide_(std::move(decide)),
      looks_(std::move(looks)),
      memory_(memory),
      counters_(counters),
      clock_(clock),
      wheel_(table_.slab(), clock.monotonic_ns()),
      sampled_cache_(share_of(settings.sampled_cache_size, shards)),
      non_sampled_cache_(share_of(settings.non_sampled_cache_size, shards)),
      kept_(settings.adjusted_count),
      now_ns_(clock.monotonic_ns()) {
  ahead_.fill(TraceTable::kNone);
  // A hint only: what it says may be far more than comes.
  constexpr std::size_t kMostReserved = 1 << 20;
  const auto wait_s = std::chrono::ceil<std::chrono::seconds>(settings.decision_wait).count();
  const std::size_t expected = settings.expected_new_traces_per_sec / shards *
                               static_cast<std::size_t>(std::max<std::int64_t>(wait_s, 1));
  table_.reserve(std::min({expected, max_traces_, kMostReserved}));
}

TraceDecision Shard::decision_of(const Verdict& verdict) {
  return {.status = status_of(verdict.outcome), .probability = verdict.probability.value_or(0)};
}

Shard::~Shard() {
  for (std::uint32_t trace = table_.oldest_pending(); trace != TraceTable::kNone;
       trace = table_[trace].next) {
    runs_.clear();
    table_.read_spans(trace, runs_);
    for (const SpanRun& run : runs_) run.request->release(run.count);
  }
  memory_.subtract(charged_);
}

std::size_t Shard::take(const Arrival& arrival, std::size_t from) {
  now_ns_ = clock_.monotonic_ns();
  const std::size_t size = arrival.size();
  std::size_t position = from;
  facts_ = facts_of(arrival);
  if (settings_.strategy == Strategy::kSpanIngest) {
    const std::vector<std::uint32_t> spans = by_resource_and_trace(arrival);
    const otlp::SpanIndex& index = arrival.request->index();
    while (position < size) {
      std::size_t end = position + 1;
      while (end < size &&
             index.spans()[spans[end]].trace_id == index.spans()[spans[position]].trace_id &&
             index.resource_number(spans[end]) == index.resource_number(spans[position])) {
        ++end;
      }
      if (!take_group(arrival, std::span(spans).subspan(position, end - position))) break;
      position = end;
    }
  } else {
    std::uint32_t trace = TraceTable::kNone;
    for (; position < size; ++position) {
      look_ahead(arrival, position);
      if (!take_span(arrival, arrival.span(position), trace)) break;
    }
  }
  account();
  return position;
}

const std::uint64_t* Shard::facts_of(const Arrival& arrival) {
  if (looks_.facts == nullptr) return nullptr;
  if (arrival.facts != nullptr) return arrival.facts->data();
  own_facts_ = looks_.facts->of(arrival.request->index());
  return own_facts_.data();
}

// Some spans ahead of the one that is taken: what it will meet.
void Shard::look_ahead(const Arrival& arrival, std::size_t position) {
  constexpr std::size_t kFar = 24;
  constexpr std::size_t kNear = 12;
  constexpr std::size_t kNext = 4;
  const std::span<const otlp::IndexedSpan> spans = arrival.request->index().spans();
  const auto starts = [&](std::size_t ahead) {
    const std::size_t at = position + ahead;
    return at < arrival.size() &&
           spans[arrival.span(at)].trace_id != spans[arrival.span(at - 1)].trace_id;
  };
  if (starts(kFar)) table_.expect(spans[arrival.span(position + kFar)].trace_id);
  if (starts(kNear)) {
    const std::uint32_t trace = table_.find(spans[arrival.span(position + kNear)].trace_id);
    ahead_[(position + kNear) % ahead_.size()] = trace;
    if (trace != TraceTable::kNone) table_.expect_entry(trace);
  }
  if (starts(kNext)) {
    const std::uint32_t trace = ahead_[(position + kNext) % ahead_.size()];
    if (trace != TraceTable::kNone) table_.expect_spans(trace);
  }
}

// `trace` is that of the span before, when that is pending: spans of a trace often come together.
bool Shard::take_span(const Arrival& arrival, std::uint32_t span, std::uint32_t& trace) {
  HeldRequest& request = *arrival.request;
  const otlp::IndexedSpan& fields = request.index().spans()[span];
  if (trace == TraceTable::kNone || table_[trace].id != fields.trace_id) {
    trace = table_.find(fields.trace_id);
    if (trace == TraceTable::kNone) {
      if (const TraceDecision* decision = find_cached(fields.trace_id)) {
        follow(*decision, request, span);
        return true;
      }
      if (!make_room()) return false;
      trace = open(fields.trace_id, arrival.first_seen_ns);
    } else if (!table_[trace].is_pending()) {
      follow_late(table_[trace], request, span);
      trace = TraceTable::kNone;
      return true;
    }
  }
  see_earlier(trace, arrival.first_seen_ns);
  hold(trace, request, span);
  if (!fields.parent_span_id.is_valid()) see_root(trace);
  if (is_too_large(table_[trace])) {
    end(trace, {.status = TraceStatus::kNotSampled}, Cause::kTooLarge);
    trace = TraceTable::kNone;
  }
  return true;
}

std::uint32_t Shard::open(const TraceId& id, std::uint64_t first_seen_ns) {
  const std::uint32_t trace = table_.add(id, first_seen_ns);
  wheel_.insert(trace, first_seen_ns + nanoseconds_of(settings_.decision_wait));
  counters_.new_traces.add();
  return trace;
}

void Shard::hold(std::uint32_t trace, HeldRequest& request, std::uint32_t span) {
  TraceEntry& entry = table_[trace];
  const otlp::SpanIndex& index = request.index();
  const otlp::IndexedSpan& fields = index.spans()[span];
  // The trace's part of a request is counted as if it were a request of its own.
  const SpanRun* const last = table_.last_run(trace);
  const bool same_request = last != nullptr && last->request == &request;
  const std::uint32_t last_span = same_request ? last->first + last->count - 1 : 0;
  entry.byte_count += fields.position.size;
  if (!same_request || index.spans()[last_span].scope != fields.scope) {
    const otlp::RequestTree::Scope& scope = index.tree().scopes[fields.scope];
    entry.byte_count += scope.header.size();
    if (!same_request || index.resource_number(last_span) != scope.resource) {
      entry.byte_count += index.tree().resources[scope.resource].header.size();
    }
  }
  ++entry.span_count;
  entry.facts.add(fields, facts_ == nullptr ? 0 : facts_[span]);
  table_.add_span(trace, request, span);
  if (!entry.is_giant && entry.byte_count > giant_bytes_) {
    entry.is_giant = true;
    giants_.push_back(trace);
  }
}

bool Shard::is_too_large(const TraceEntry& entry) const {
  return settings_.maximum_trace_size_bytes != 0 &&
         entry.byte_count > settings_.maximum_trace_size_bytes;
}

void Shard::see_root(std::uint32_t trace) {
  if (settings_.decision_wait_after_root_received.count() == 0) return;
  const std::uint64_t due = now_ns_ + nanoseconds_of(settings_.decision_wait_after_root_received);
  if (due >= table_[trace].due_ns) return;
  wheel_.remove(trace);
  wheel_.insert(trace, due);
}

const TraceDecision* Shard::find_cached(const TraceId& id) {
  if (const TraceDecision* found = sampled_cache_.find(id)) return found;
  return non_sampled_cache_.find(id);
}

void Shard::follow(const TraceDecision& decision, HeldRequest& request, std::uint32_t span) {
  if (decision.status == TraceStatus::kSampled) {
    counters_.cached_sampled_spans.add();
    kept_.add({.request = &request, .first = span, .count = 1}, decision.probability);
    return;
  }
  counters_.cached_not_sampled_spans.add();
  runs_.assign(1, {.request = &request, .first = span, .count = 1});
  let_go(drop_reason(decision.status, Cause::kOther));
}

void Shard::follow_late(const TraceEntry& entry, HeldRequest& request, std::uint32_t span) {
  counters_.late_spans.add();
  counters_.late_span_age_s.observe(seconds_between(entry.due_ns, now_ns_));
  if (entry.decision.status == TraceStatus::kSampled) {
    kept_.add({.request = &request, .first = span, .count = 1}, entry.decision.probability);
    return;
  }
  runs_.assign(1, {.request = &request, .first = span, .count = 1});
  let_go(drop_reason(entry.decision.status, Cause::kOther));
}

void Shard::advance() {
  now_ns_ = clock_.monotonic_ns();
  due_.clear();
  wheel_.take_due(now_ns_, due_);
  if (due_.empty()) return;
  const std::uint64_t begin_ns = now_ns_;
  for (std::size_t i = 0; i < due_.size(); ++i) {
    look_ahead(i);
    if (may_decide(due_[i])) decide(due_[i], Cause::kDue);
  }
  counters_.round_latency_ms.observe(1e3 * seconds_between(begin_ns, now_ns_));
  account();
}

// Some traces ahead of the one that is decided.
void Shard::look_ahead(std::size_t due) const {
  constexpr std::size_t kFar = 16;
  constexpr std::size_t kNear = 6;
  if (due + kFar < due_.size()) table_.expect_entry(due_[due + kFar]);
  if (due + kNear >= due_.size()) return;
  const std::uint32_t trace = due_[due + kNear];
  table_.expect(table_[trace].id);
  table_.expect_spans(trace);
}

void Shard::decide(std::uint32_t trace, Cause cause) {
  TraceEntry& entry = table_[trace];
  if (cause == Cause::kDue) {
    counters_.decision_delay_s.observe(seconds_between(entry.due_ns, now_ns_));
  }
  if (settings_.strategy == Strategy::kSpanIngest) {
    return end(trace, {.status = TraceStatus::kNotSampled}, cause);
  }
  TraceView view{.trace_id = entry.id,
                 .spans = {},
                 .byte_count = entry.byte_count,
                 .first_seen_ns = entry.first_seen_ns};
  if (looks_.facts != nullptr) view.facts = entry.facts;
  if (looks_.at_spans) {
    view.spans = spans_of(trace);
  } else {
    view.spans_not_held = entry.span_count;
  }
  const std::optional<Verdict> verdict = decide_(view, now_ns_);
  const std::uint64_t begin_ns = std::exchange(now_ns_, clock_.monotonic_ns());
  counters_.decision_latency_us.observe(1e6 * seconds_between(begin_ns, now_ns_));
  end(trace, decision_of(verdict.value_or(Verdict())), cause);
}

std::span<const HeldSpan> Shard::spans_of(std::uint32_t trace) {
  runs_.clear();
  table_.read_spans(trace, runs_);
  view_spans_.clear();
  for (const SpanRun& run : runs_) {
    for (std::uint32_t i = 0; i < run.count; ++i) {
      view_spans_.push_back({&run.request->index(), run.first + i});
    }
  }
  return view_spans_;
}

void Shard::end(std::uint32_t trace, const TraceDecision& decision, Cause cause) {
  runs_.clear();
  table_.read_spans(trace, runs_);
  table_.clear_spans(trace);
  wheel_.remove(trace);
  TraceEntry& entry = table_[trace];
  if (entry.is_giant) std::erase(giants_, trace);
  entry.due_ns = now_ns_;
  count(decision.status, cause);
  if (decision.status == TraceStatus::kSampled) {
    for (const SpanRun& run : runs_) kept_.add(run, decision.probability);
  } else {
    let_go(drop_reason(decision.status, cause));
  }
  if (cause == Cause::kTooEarly || cause == Cause::kShutdown) return forget(trace);
  DecisionCache& cache =
      decision.status == TraceStatus::kSampled ? sampled_cache_ : non_sampled_cache_;
  if (cache.enabled()) {
    cache.put(entry.id, decision);
    return forget(trace);
  }
  table_.set_decided(trace, decision);
}

// The holds of runs_.
void Shard::let_go(Counter& reason) {
  std::size_t spans = 0;
  for (const SpanRun& run : runs_) {
    run.request->release(run.count);
    spans += run.count;
  }
  counters_.books.release(spans);
  reason.add(spans);
}

Counter& Shard::drop_reason(TraceStatus status, Cause cause) {
  switch (cause) {
    case Cause::kTooLarge:
      return counters_.trace_too_large;
    case Cause::kTooEarly:
      return counters_.too_early;
    case Cause::kShutdown:
      return counters_.pending_at_shutdown;
    default:
      return status == TraceStatus::kDropped ? counters_.dropped_by_policy : counters_.not_sampled;
  }
}

void Shard::count(TraceStatus status, Cause cause) {
  switch (cause) {
    case Cause::kTooLarge:
      return counters_.dropped_too_large.add();
    case Cause::kTooEarly:
      return counters_.dropped_too_early.add();
    case Cause::kShutdown:
      return;
    case Cause::kMemory:
      counters_.early_for_memory.add();
      break;
    case Cause::kGiant:
      counters_.early_for_giant.add();
      break;
    case Cause::kTraces:
      counters_.early_for_traces.add();
      break;
    case Cause::kDue:
    case Cause::kOther:
      break;
  }
  if (status == TraceStatus::kSampled) {
    counters_.traces_sampled.add();
  } else if (status == TraceStatus::kDropped) {
    counters_.traces_dropped.add();
  } else {
    counters_.traces_not_sampled.add();
  }
}

void Shard::forget(std::uint32_t trace) {
  counters_.removal_age_s.observe(seconds_between(table_[trace].first_seen_ns, now_ns_));
  table_.remove(trace);
}

void Shard::finish() {
  now_ns_ = clock_.monotonic_ns();
  while (table_.pending_count() != 0) {
    if (settings_.drop_pending_traces_on_shutdown) {
      end(table_.oldest_pending(), {}, Cause::kShutdown);
    } else {
      decide(table_.oldest_pending(), Cause::kOther);
    }
  }
  account();
}

void Shard::remember(const TraceId& id, const TraceDecision& decision) {
  if (decision.status == TraceStatus::kPending) return;  // as no replica says it, but bytes may
  now_ns_ = clock_.monotonic_ns();
  const std::uint32_t trace = table_.find(id);
  if (trace != TraceTable::kNone) {
    if (table_[trace].is_pending()) end(trace, decision, Cause::kOther);
    return;
  }
  DecisionCache& cache =
      decision.status == TraceStatus::kSampled ? sampled_cache_ : non_sampled_cache_;
  if (cache.enabled()) {
    cache.put(id, decision);
  } else if (table_.size() < max_traces_) {
    // Without room for it nothing that waits here is given up.
    const std::uint32_t added = table_.add(id, now_ns_);
    table_[added].due_ns = now_ns_;
    table_.set_decided(added, decision);
  }
}

void Shard::publish() {
  const auto set = [](Gauge& gauge, double& published, std::size_t value) {
    const auto number = static_cast<double>(value);
    if (number != published) gauge.add(number - std::exchange(published, number));
  };
  set(counters_.traces_in_memory, published_traces_, table_.size());
  set(counters_.pending_traces, published_pending_, table_.pending_count());
  set(counters_.held_spans, published_spans_, table_.held_span_count());
  set(counters_.cached_decisions, published_cached_,
      sampled_cache_.size() + non_sampled_cache_.size());
  counters_.held_bytes.set(static_cast<double>(memory_.used()));
}

}  // namespace kernspan::sampling
