#pragma once

#include <vector>

#include "gateway/stitch/held_spans.h"
#include "gateway/stitch/stitch_counters.h"
#include "gateway/stitch/stitch_settings.h"
#include "pipeline/otlp/batch.h"

namespace kernspan::stitch {

// The spans that are ready as one batch, with what has changed of them: trace ids, the parent of
// each trace's server span and how it is known, links into their own trace, times, and the stitch
// attributes, which go when the trace is whole. Spans of which nothing changes are not copied. Any
// thread.
otlp::Batch write_ready(std::vector<Ready> ready, const StitchSettings& settings,
                        StitchCounters& counters);

// A span without its announcement: its content.
std::string without_announcement(std::string_view span);

}  // namespace kernspan::stitch
