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
  const std::uint32_t node = spans_.allocate();
  spans_[node] = {.request = &request, .span = span, .next = kNone};
  TraceEntry& entry = traces_[trace];
  if (entry.last_span == kNone) {
    entry.first_span = node;
  } else {
    spans_[entry.last_span].next = node;
  }
  entry.last_span = node;
}

void TraceTable::read_spans(std::uint32_t trace, std::vector<SpanNode>& spans) const {
  for (std::uint32_t node = traces_[trace].first_span; node != kNone; node = spans_[node].next) {
    spans.push_back(spans_[node]);
  }
}

void TraceTable::clear_spans(std::uint32_t trace) {
  TraceEntry& entry = traces_[trace];
  for (std::uint32_t node = entry.first_span; node != kNone;) {
    const std::uint32_t next = spans_[node].next;
    spans_.free(node);
    node = next;
  }
  entry.first_span = kNone;
  entry.last_span = kNone;
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
