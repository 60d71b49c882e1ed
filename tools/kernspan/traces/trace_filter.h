#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "tools/kernspan/traces/trace.h"

namespace kernspan::tools {

// Which traces are shown: those for which everything that is set here holds.
struct TraceFilter {
  std::string trace_id_prefix{};  // lower-case hex
  std::string service{};          // some span is of this service
  std::chrono::nanoseconds min_duration{0};
  bool errors_only = false;  // some span failed

  bool accepts_id(const TraceId& id) const { return id.hex().starts_with(trace_id_prefix); }
  bool accepts(const Trace& trace) const;
};

}  // namespace kernspan::tools
