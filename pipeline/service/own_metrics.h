#pragma once

#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// target_info, whose labels are the attributes of this program's own resource: service.name,
// service.version, service.instance.id and what service::telemetry::resource says.
[[nodiscard]] Metrics::Registration add_target_info(Metrics& metrics,
                                                    const TelemetrySettings& settings);

// The collector's metrics of any component, from the ledger:
//   otelcol_{receiver,processor,exporter,connector}_{consumed,produced}_items{outcome}
// Receivers only produce and exporters only consume; `success` and `refused`.
void collect_items(const Ledger& ledger, std::vector<MetricFamily>& families);

}  // namespace kernspan
