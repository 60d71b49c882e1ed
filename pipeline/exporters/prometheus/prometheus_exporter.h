// Type `prometheus`: shows the last value of every series of the metrics it is given under /metrics.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "pipeline/base/http_server.h"
#include "pipeline/component/factory.h"
#include "pipeline/exporters/prometheus/metric_store.h"
#include "pipeline/exporters/prometheus/prometheus_settings.h"

namespace kernspan {

ExporterFactory prometheus_exporter_factory();

// Books: a point is passed on when it is in the page; dropped: unsupported_temporality,
// out_of_order, type_conflict, too_many_series.
class PrometheusExporter final : public Exporter {
 public:
  PrometheusExporter(const ComponentContext& context, PrometheusSettings settings);
  ~PrometheusExporter() override;

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;

  // The port that is listened on, from start() on.
  std::uint16_t port() const { return server_ ? server_->port() : 0; }

 private:
  HttpResponse page();

  const std::string path_;
  const PrometheusSettings settings_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& dropped_unsupported_;
  Counter& dropped_out_of_order_;
  Counter& dropped_type_conflict_;
  Counter& dropped_too_many_;
  Counter& sent_points_;
  Counter& send_failed_points_;
  Gauge& series_;
  std::mutex mutex_;  // guards the store
  MetricStore store_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace kernspan
