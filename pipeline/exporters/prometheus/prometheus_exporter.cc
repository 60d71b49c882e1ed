#include "pipeline/exporters/prometheus/prometheus_exporter.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/exporters/prometheus/prometheus_text.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  auto settings = read_prometheus_settings(node, context.path, context.warnings);
  if (!settings) return std::unexpected(settings.error());
  return std::make_unique<PrometheusExporter>(context, *std::move(settings));
}

}  // namespace

PrometheusExporter::PrometheusExporter(const ComponentContext& context, PrometheusSettings settings)
    : path_(context.path),
      settings_(std::move(settings)),
      clock_(context.clock),
      books_(context.books),
      dropped_unsupported_(books_.dropped("unsupported_temporality")),
      dropped_out_of_order_(books_.dropped("out_of_order")),
      dropped_type_conflict_(books_.dropped("type_conflict")),
      dropped_too_many_(books_.dropped("too_many_series")),
      sent_points_(context.metrics.counter("otelcol_exporter_sent_metric_points",
                                           "Data points shown.", {{"exporter", context.id}})),
      send_failed_points_(context.metrics.counter("otelcol_exporter_send_failed_metric_points",
                                                  "Data points that cannot be shown.",
                                                  {{"exporter", context.id}})),
      series_(context.metrics.gauge("kernspan_prometheus_series", "Series on the page.",
                                    {{"exporter", context.id}})),
      store_(settings_) {}

PrometheusExporter::~PrometheusExporter() = default;

Status PrometheusExporter::start() {
  auto server = HttpServer::listen(settings_.endpoint, {{"/metrics", [this] { return page(); }}});
  if (!server) return permanent(fmt::format("{}: {}", path_, server.error().message));
  server_ = *std::move(server);
  log_info("{}: metrics for Prometheus on {} (port {})", path_, settings_.endpoint,
           server_->port());
  return {};
}

void PrometheusExporter::stop(std::chrono::steady_clock::time_point) {
  server_.reset();
}

Status PrometheusExporter::consume(otlp::Batch batch) {
  const std::uint64_t now_ns = clock_.monotonic_ns();
  StoreOutcome outcome;
  {
    const std::scoped_lock lock(mutex_);
    if (store_.series_count() >= settings_.max_series) store_.expire(now_ns);
    outcome = store_.add(batch, now_ns);
    series_.set(static_cast<double>(store_.series_count()));
  }
  books_.take(batch.item_count());
  books_.pass_on(outcome.stored);
  sent_points_.add(outcome.stored);
  dropped_unsupported_.add(outcome.unsupported);
  dropped_out_of_order_.add(outcome.out_of_order);
  dropped_type_conflict_.add(outcome.type_conflict);
  dropped_too_many_.add(outcome.too_many);
  const std::size_t dropped = batch.item_count() - outcome.stored;
  if (dropped != 0) {
    send_failed_points_.add(dropped);
    KERNSPAN_LOG_LIMITED(
        kWarn,
        "{}: cannot show {} data points: {} of an unsupported temporality or kind, "
        "{} out of order, {} under a name of another type, {} beyond max_series",
        path_, dropped, outcome.unsupported, outcome.out_of_order, outcome.type_conflict,
        outcome.too_many);
  }
  return {};
}

HttpResponse PrometheusExporter::page() {
  const std::scoped_lock lock(mutex_);
  store_.expire(clock_.monotonic_ns());
  series_.set(static_cast<double>(store_.series_count()));
  HttpResponse response;
  response.content_type = settings_.open_metrics
                              ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                              : "text/plain; version=0.0.4; charset=utf-8";
  response.body = prometheus_text(store_, {.open_metrics = settings_.open_metrics,
                                           .send_timestamps = settings_.send_timestamps});
  return response;
}

ExporterFactory prometheus_exporter_factory() {
  return {.type = "prometheus", .signals = kMetricsOnly, .create = create};
}

}  // namespace kernspan
