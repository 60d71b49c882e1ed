// A trace as it is held until it is decided: where its spans lie, and what is known of it without
// looking at them. What policies read.
#pragma once

#include <cstdint>
#include <span>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::sampling {

// One span of an index, which outlives this. 16 bytes.
struct HeldSpan {
  const otlp::SpanIndex* index = nullptr;
  std::uint32_t span = 0;

  const otlp::IndexedSpan& fields() const { return index->spans()[span]; }
};
static_assert(sizeof(HeldSpan) == 16);

// Borrows everything; for the length of one call.
struct TraceView {
  TraceId trace_id;
  std::span<const HeldSpan> spans;  // in order of arrival
  // The encoded size of the trace with its share of resources and scopes, as accounted by whoever
  // holds it: what bytes_limiting takes.
  std::uint64_t byte_count = 0;
  std::uint64_t first_seen_ns = 0;  // monotonic

  // Spans counted and no longer held (a trace that was cut short): span_count and rates include
  // them, nothing else sees them.
  std::uint64_t spans_not_held = 0;

  std::uint64_t span_count() const { return spans.size() + spans_not_held; }
};

}  // namespace kernspan::sampling
