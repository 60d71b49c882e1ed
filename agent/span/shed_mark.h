// How many spans one stands for that was kept when connections were left out (bpf/abi/shed.h), or traces not
// sampled (agent/causality/head_sampling.h).
// Spec: opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/conn/exchange.h"

namespace kernspan {

inline constexpr std::string_view kAdjustedCountKey = "sampling.adjusted_count";

// 1 divided by the probability of both together.
double adjusted_count(const Exchange& exchange);

// The exchange's tracestate with the threshold and the connection's randomness before it,
// `ot=th:c;rv:...`; if the trace was sampled as well, the threshold of both in the place of that one. Empty if
// nothing is to be changed: nothing was left out, or an SDK has sampled before and has left a member `ot` of its own.
std::string shed_trace_state(const Exchange& exchange);

}  // namespace kernspan
