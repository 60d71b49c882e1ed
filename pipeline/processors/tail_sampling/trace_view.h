// A trace as it is held until it is decided: where its spans lie, and what is known of it without
// looking at them. What policies read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
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

// What is known of a trace's spans without a look at them: it grows as they come.
struct TraceFacts {
  static constexpr std::uint64_t kUnset = std::numeric_limits<std::uint64_t>::max();

  std::uint64_t bits = 0;                // of SpanFacts: a span, or a resource of one, has it
  std::uint64_t start_unix_ns = kUnset;  // the earliest; 0 is one that nobody has set
  std::uint64_t end_unix_ns = 0;         // the latest

  bool has(std::uint32_t bit) const { return (bits >> bit & 1U) != 0; }
  void add(const otlp::IndexedSpan& span, std::uint64_t span_bits) {
    bits |= span_bits;
    if (span.start_time_unix_ns != 0) {
      start_unix_ns = std::min(start_unix_ns, span.start_time_unix_ns);
    }
    end_unix_ns = std::max(end_unix_ns, span.end_time_unix_ns);
  }
};

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

  // Of the spans; nothing: to be asked of them. Where no policy looks further they may be left out
  // of `spans` and counted as not held.
  std::optional<TraceFacts> facts = {};

  std::uint64_t span_count() const { return spans.size() + spans_not_held; }
};

}  // namespace kernspan::sampling
