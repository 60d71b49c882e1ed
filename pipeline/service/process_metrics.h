#pragma once

#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/base/metrics.h"

namespace kernspan {

// The collector's metrics of its own process: otelcol_process_uptime, _cpu_seconds, _memory_rss.
// The clock outlives the registration.
[[nodiscard]] Metrics::Registration add_process_metrics(Metrics& metrics, const Clock& clock);

}  // namespace kernspan
