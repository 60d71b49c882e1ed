// The text of a scrape: Prometheus's exposition format 0.0.4, or OpenMetrics 1.0.
// Specs: prometheus.io/docs/instrumenting/exposition_formats; prometheus.io/docs/specs/om
#pragma once

#include <string>

#include "pipeline/exporters/prometheus/metric_store.h"

namespace kernspan {

struct PrometheusTextSettings {
  bool open_metrics = false;
  bool send_timestamps = false;
};

std::string prometheus_text(const MetricStore& store, const PrometheusTextSettings& settings);

}  // namespace kernspan
