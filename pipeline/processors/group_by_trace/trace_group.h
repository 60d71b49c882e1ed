#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/base/keyed_hash.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// Traces that are being collected, in the order of their first spans. One thread at a time; times
// are monotonic nanoseconds.
class TraceGroup {
 public:
  TraceGroup(std::size_t max_traces, std::chrono::nanoseconds wait, KeyedIdHash hash);

  // Adds spans to their trace. A new one may be one too many: then the oldest is returned, to go on
  // early.
  std::optional<otlp::Batch> add(const TraceId& trace_id, otlp::Batch spans, std::uint64_t now_ns);

  // The oldest trace, if it has waited for its time; also if it has not, with `at_once`.
  std::optional<otlp::Batch> take_due(std::uint64_t now_ns, bool at_once = false);
  std::optional<std::uint64_t> next_due_ns() const;

  std::size_t traces() const { return traces_.size(); }
  std::size_t spans() const { return spans_; }

 private:
  struct Trace {
    TraceId id;
    std::uint64_t first_ns = 0;
    otlp::Batch batch;
  };

  otlp::Batch take_first();

  const std::size_t max_traces_;
  const std::uint64_t wait_ns_;
  std::list<Trace> traces_;
  std::unordered_map<TraceId, std::list<Trace>::iterator, KeyedIdHash> by_id_;
  std::size_t spans_ = 0;
};

}  // namespace kernspan
