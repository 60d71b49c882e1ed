#include "agent/protocol/trace_context/trace_context.h"

namespace kernspan {

std::optional<TraceContext> extract(const PropagationFields& fields) {
  if (!fields.traceparent.empty()) {
    if (auto context = parse_traceparent(fields.traceparent, fields.tracestate)) return context;
  }
  if (!fields.b3.empty()) {
    if (auto context = parse_b3_single(fields.b3)) return context;
  }
  if (!fields.b3_trace_id.empty()) return parse_b3_multi(fields);
  return std::nullopt;
}

}  // namespace kernspan
