#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/span_record.h"

namespace kernspan::tools {

// What a waterfall shows of a span; everything else of it is dropped at once. The texts are fit for
// a terminal: no control characters, valid UTF-8, of limited length.
struct TraceSpan {
  SpanId id{};
  SpanId parent{};  // not valid: a root
  std::uint64_t start_ns = 0;
  std::uint64_t end_ns = 0;
  bool is_client = false;  // CLIENT or PRODUCER
  bool is_error = false;
  std::string service{};
  std::string operation{};  // "GET /cart": the span's name, and the path where the name has none
  std::string status{};     // the HTTP or gRPC status, else the span's; empty when unset
  std::string evidence{};   // kernspan.link.evidence
  std::string note{};       // what is wrong with it: error.type, kernspan.partial
};

TraceSpan to_trace_span(const otlp::SpanRecord& record);

struct Trace {
  TraceId id{};
  std::vector<TraceSpan> spans{};   // in order of arrival
  std::uint64_t updated_at_ns = 0;  // monotonic: when the last span arrived

  std::uint64_t start_ns() const;
  std::uint64_t end_ns() const;
  std::uint64_t duration_ns() const { return end_ns() - start_ns(); }
};

}  // namespace kernspan::tools
