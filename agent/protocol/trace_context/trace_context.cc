#include "agent/protocol/trace_context/trace_context.h"

#include <algorithm>

namespace kernspan {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr std::size_t kTraceIdAt = 3;
constexpr std::size_t kTraceIdDigits = 32;
constexpr std::size_t kParentIdAt = kTraceIdAt + kTraceIdDigits + 1;
constexpr std::size_t kParentIdDigits = 16;
constexpr std::size_t kFlagsAt = kParentIdAt + kParentIdDigits + 1;
constexpr std::size_t kTraceparentBytes = kFlagsAt + 2;

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view traceparent,
                                              std::string_view tracestate) {
  if (traceparent.size() < kTraceparentBytes) return std::nullopt;
  const std::string_view version = traceparent.substr(0, 2);
  const std::string_view trace_id = traceparent.substr(kTraceIdAt, kTraceIdDigits);
  const std::string_view parent_id = traceparent.substr(kParentIdAt, kParentIdDigits);
  const std::string_view flags = traceparent.substr(kFlagsAt, 2);
  if (traceparent[kTraceIdAt - 1] != '-' || traceparent[kParentIdAt - 1] != '-' ||
      traceparent[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  if (!is_lower_hex(version) || version == "ff" || !is_lower_hex(trace_id) ||
      !is_lower_hex(parent_id) || !is_lower_hex(flags)) {
    return std::nullopt;
  }
  // Later versions may append fields, behind another dash.
  if (traceparent.size() > kTraceparentBytes &&
      (version == "00" || traceparent[kTraceparentBytes] != '-')) {
    return std::nullopt;
  }
  TraceContext context;
  context.trace_id = *TraceId::from_hex(trace_id);
  context.parent_span_id = *SpanId::from_hex(parent_id);
  if (!context.trace_id.is_valid() || !context.parent_span_id.is_valid()) return std::nullopt;
  context.flags = Id<1>::from_hex(flags)->bytes[0];
  // Of a version that we do not know only the flag that all versions have.
  if (version != "00") context.flags &= kTraceFlagSampled;
  context.trace_state = parse_tracestate(tracestate);
  return context;
}

}  // namespace kernspan
