// Spans of derived traces as they are held: nothing is decoded, and what holds them knows what they
// cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gateway/stitch/announcement.h"
#include "pipeline/base/ids.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::stitch {

// The derived spans of one request, by trace.
class Source {
 public:
  explicit Source(const otlp::Batch& batch);

  // The spans of one trace: a part of order().
  struct Run {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };

  const otlp::SpanIndex& index() const { return index_; }
  std::span<const std::uint32_t> spans(Run run) const {
    return std::span(order_).subspan(run.begin, run.end - run.begin);
  }
  const std::vector<Run>& runs() const { return runs_; }
  const TraceId& trace_of(Run run) const { return index_.spans()[order_[run.begin]].trace_id; }
  const NodeName& node_of(std::uint32_t span) const { return nodes_[index_.resource_number(span)]; }
  // The most that any span of the run has behind it.
  std::size_t links(Run run) const;
  // Of the request and of what was made of it.
  std::size_t byte_count() const { return byte_count_; }

  // How many of the spans are still held: for the table that holds them.
  std::size_t held = 0;

 private:
  otlp::SpanIndex index_;
  std::vector<std::uint32_t> order_;  // numbers of spans
  std::vector<Run> runs_;
  std::vector<NodeName> nodes_;  // by number of resource
  std::size_t byte_count_ = 0;
};

// The client span that a server span was caused by.
struct Caller {
  SpanId span;  // not valid: not known yet
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t end_time_unix_ns = 0;
  std::int64_t skew_ns = 0;  // the server's clock less the caller's
  bool skew_is_known = false;
};

// The spans of one trace of one request, and what was found out about them.
struct Part {
  std::shared_ptr<Source> source;
  Source::Run run;
  TraceId origin;             // the id that the spans have
  std::size_t links = 0;      // that were followed, at other replicas too
  Caller caller = {};         // of the server's span among them
  std::int64_t shift_ns = 0;  // to be added to all times
  NodeName node = nullptr;    // whose clock the times are by, with the shift

  std::size_t span_count() const { return run.end - run.begin; }
};

enum class Fate {
  kJoined,
  kReleased,   // its caller is not known
  kElsewhere,  // its trace goes on to its owner, where it may wait again
};

// Spans that wait no longer.
struct Ready {
  Part part;
  TraceId trace_id;  // that they are to have
  Fate fate = Fate::kJoined;
  // When its trace came, for kElsewhere where it has waited here; 0: it has not.
  std::uint64_t since_ns = 0;
};

}  // namespace kernspan::stitch
