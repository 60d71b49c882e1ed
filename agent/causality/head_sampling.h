#pragma once

#include "agent/conn/exchange.h"

namespace kernspan {

// Decides whether the trace of a root, whose id is known, is written; what hangs below it follows.
// A trace that is written says in its tracestate how likely that was.
// Spec: opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
void sample_root(Exchange& root);

}  // namespace kernspan
