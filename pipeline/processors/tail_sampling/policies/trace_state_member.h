#pragma once

#include <string_view>

namespace kernspan::sampling {

// The value of a key of a W3C tracestate ("key=value,tenant@system=value"); empty when there is no
// such key, and when anything in the tracestate is not as the specification wants it: then nobody
// may rely on it.
// Spec: w3.org/TR/trace-context-1 section 3.3
std::string_view trace_state_member(std::string_view trace_state, std::string_view key);

}  // namespace kernspan::sampling
