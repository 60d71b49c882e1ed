#include "tools/kernspan/traces/trace_filter.h"

#include <algorithm>

namespace kernspan::tools {

bool TraceFilter::accepts(const Trace& trace) const {
  if (!accepts_id(trace.id)) return false;
  if (errors_only && std::ranges::none_of(trace.spans, &TraceSpan::is_error)) return false;
  if (trace.duration_ns() < static_cast<std::uint64_t>(min_duration.count())) return false;
  return service.empty() || std::ranges::any_of(trace.spans, [this](const TraceSpan& span) {
           return span.service == service;
         });
}

}  // namespace kernspan::tools
