// OpenTelemetry's names as Prometheus writes them.
// Spec: opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics
#pragma once

#include <string>
#include <string_view>

#include "pipeline/otlp/metric_view.h"

namespace kernspan {

// "http.server.duration" in "s" becomes http_server_duration_seconds. A monotonic sum ends in _total
// (with suffixes, which are unit, ratio and total).
std::string metric_name(const otlp::MetricView& metric, std::string_view name_space,
                        bool add_suffixes);

// What is not a letter, digit or underscore becomes an underscore; never empty.
std::string label_name(std::string_view attribute);

}  // namespace kernspan
