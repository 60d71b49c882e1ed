#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "tools/kernspan/traces/trace.h"

namespace kernspan::tools {

// Collects spans into traces, with a bound on the spans it holds. One thread.
class TraceStore {
 public:
  explicit TraceStore(std::size_t spans_max) : spans_max_(spans_max) {}

  // When the store is full, the traces that have waited longest for a span make room. A trace that
  // fills the store alone loses its later spans.
  void add(const TraceId& id, TraceSpan span, std::uint64_t now_ns);

  // Removes and returns the traces for which no span has come since `before_ns`, longest quiet
  // first.
  std::vector<Trace> take_quiet(std::uint64_t before_ns);
  // Removes and returns all.
  std::vector<Trace> take_all();

  std::size_t span_count() const { return span_count_; }
  std::size_t traces_evicted() const { return traces_evicted_; }
  std::size_t spans_dropped() const { return spans_dropped_; }

 private:
  void evict_oldest();

  const std::size_t spans_max_;
  std::list<Trace> traces_;  // front: longest without a new span
  std::unordered_map<TraceId, std::list<Trace>::iterator> by_id_;
  std::size_t span_count_ = 0;
  std::size_t traces_evicted_ = 0;
  std::size_t spans_dropped_ = 0;
};

}  // namespace kernspan::tools
