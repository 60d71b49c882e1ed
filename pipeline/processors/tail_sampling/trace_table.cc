#include "pipeline/processors/tail_sampling/trace_table.h"

namespace kernspan::sampling {

std::uint32_t TraceTable::find(const TraceId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? kNone : found->second;
}

std::uint32_t TraceTable::add(const TraceId& id, std::uint64_t first_seen_ns) {
  const std::uint32_t trace = traces_.allocate();
  by_id_.emplace(id, trace);
  TraceEntry& entry = traces_[trace];
  entry.id = id;
  entry.first_seen_ns = first_seen_ns;
  // Almost always the youngest; of those that another replica has held many come at once, as old
  // as the oldest here. What is in between need not stand at its place exactly.
  constexpr int kSteps = 64;
  std::uint32_t previous = pending_.last;
  for (int step = 0; previous != kNone && traces_[previous].first_seen_ns > first_seen_ns; ++step) {
    previous = step < kSteps ? traces_[previous].previous : kNone;
  }
  link_behind(pending_, previous, trace);
  return trace;
}

void TraceTable::add_span(std::uint32_t trace, HeldRequest& request, std::uint32_t span) {
  ++held_spans_;
  TraceEntry& entry = traces_[trace];
  if (entry.last_chunk != kNone) {
    SpanChunk& last = chunks_[entry.last_chunk];
    SpanRun& run = last.runs[last.used - 1];
    if (run.request == &request && run.first + run.count == span) {
      ++run.count;
      return;
    }
    if (last.used < SpanChunk::kRuns) {
      last.runs[last.used++] = {.request = &request, .first = span, .count = 1};
      return;
    }
  }
  const std::uint32_t added = chunks_.allocate();
  SpanChunk& chunk = chunks_[added];
  chunk.runs[0] = {.request = &request, .first = span, .count = 1};
  chunk.used = 1;
  chunk.next = kNone;
  (entry.last_chunk == kNone ? entry.first_chunk : chunks_[entry.last_chunk].next) = added;
  entry.last_chunk = added;
}

void TraceTable::read_spans(std::uint32_t trace, std::vector<SpanRun>& spans) const {
  for (std::uint32_t at = traces_[trace].first_chunk; at != kNone; at = chunks_[at].next) {
    const SpanChunk& chunk = chunks_[at];
    spans.insert(spans.end(), chunk.runs.begin(), chunk.runs.begin() + chunk.used);
  }
}

void TraceTable::clear_spans(std::uint32_t trace) {
  TraceEntry& entry = traces_[trace];
  for (std::uint32_t at = entry.first_chunk; at != kNone;) {
    const SpanChunk& chunk = chunks_[at];
    const std::uint32_t next = chunk.next;
    for (std::uint32_t run = 0; run < chunk.used; ++run) held_spans_ -= chunk.runs[run].count;
    chunks_.free(at);
    at = next;
  }
  entry.first_chunk = kNone;
  entry.last_chunk = kNone;
}

void TraceTable::expect_spans(std::uint32_t trace) const {
  const TraceEntry& entry = traces_[trace];
  if (entry.first_chunk == kNone) return;
  chunks_.prefetch(entry.first_chunk);
  chunks_.prefetch(entry.last_chunk);
}

void TraceTable::set_decided(std::uint32_t trace, const TraceDecision& decision) {
  unlink(trace);
  traces_[trace].decision = decision;
  link_behind(decided_, decided_.last, trace);
}

void TraceTable::remove(std::uint32_t trace) {
  unlink(trace);
  by_id_.erase(traces_[trace].id);
  traces_.free(trace);
}

void TraceTable::link_behind(List& list, std::uint32_t previous, std::uint32_t trace) {
  TraceEntry& entry = traces_[trace];
  entry.previous = previous;
  entry.next = previous == kNone ? list.first : traces_[previous].next;
  (previous == kNone ? list.first : traces_[previous].next) = trace;
  (entry.next == kNone ? list.last : traces_[entry.next].previous) = trace;
  ++list.size;
}

void TraceTable::unlink(std::uint32_t trace) {
  TraceEntry& entry = traces_[trace];
  List& list = list_of(entry);
  (entry.previous == kNone ? list.first : traces_[entry.previous].next) = entry.next;
  (entry.next == kNone ? list.last : traces_[entry.next].previous) = entry.previous;
  entry.previous = kNone;
  entry.next = kNone;
  --list.size;
}

}  // namespace kernspan::sampling
