// How many spans one stands for that was kept when connections were left out (bpf/abi/shed.h).
// Spec: opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/conn/exchange.h"

namespace kernspan {

inline constexpr std::string_view kAdjustedCountKey = "sampling.adjusted_count";

// 2^shed_step.
double adjusted_count(const Exchange& exchange);

// The exchange's tracestate with the threshold and the connection's randomness before it,
// `ot=th:c;rv:...`; empty if nothing is to be added: nothing was left out, or an SDK has sampled before and has
// left a member `ot` of its own.
std::string shed_trace_state(const Exchange& exchange);

}  // namespace kernspan
