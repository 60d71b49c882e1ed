#include "pipeline/service/service.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/service/certificate_metrics.h"
#include "pipeline/service/component_check.h"
#include "pipeline/service/own_metrics.h"
#include "pipeline/service/process_metrics.h"

namespace kernspan {
namespace {

std::string join_messages(const std::vector<Status>& statuses) {
  std::string messages;
  for (const Status& status : statuses) {
    if (status) continue;
    if (!messages.empty()) messages += '\n';
    messages += status.error().message;
  }
  return messages;
}

}  // namespace

Result<ConfigNode> check_config(const std::vector<std::string>& sources,
                                const Environment& environment, const Registry& registry,
                                ConfigWarnings& warnings, ConfigOptions options) {
  const SystemClock clock;
  Result<ConfigNode> root =
      load_effective_config(sources, environment, registry, options, warnings);
  if (!root) return root;
  const auto service = Service::create_from(*root, registry, clock, warnings, options);
  if (!service) return std::unexpected(service.error());
  return root;
}

Result<std::unique_ptr<Service>> Service::create(const std::vector<std::string>& sources,
                                                 const Environment& environment,
                                                 const Registry& registry, const Clock& clock,
                                                 ConfigWarnings& warnings, ConfigOptions options) {
  const Result<ConfigNode> root =
      load_effective_config(sources, environment, registry, options, warnings);
  if (!root) return std::unexpected(root.error());
  return create_from(*root, registry, clock, warnings, options);
}

Result<std::unique_ptr<Service>> Service::create_from(const ConfigNode& root,
                                                      const Registry& registry, const Clock& clock,
                                                      ConfigWarnings& warnings,
                                                      ConfigOptions options) {
  ServiceSettings settings;
  const Status structure = read_settings(root, registry, warnings, settings);
  const Status components = check_components(settings, registry, clock, warnings);
  const Status deviations = settle_deviations(options, warnings);
  if (!structure || !components || !deviations) {
    return permanent(join_messages({structure, components, deviations}));
  }
  std::unique_ptr<Service> service(new Service(std::move(settings), clock));
  Result<std::unique_ptr<Graph>> graph =
      Graph::build(service->settings_, registry, {service->metrics_, service->ledger_, clock});
  if (!graph) return std::unexpected(graph.error());
  service->graph_ = *std::move(graph);
  return service;
}

Service::Service(ServiceSettings settings, const Clock& clock)
    : settings_(std::move(settings)),
      process_metrics_(add_process_metrics(metrics_, clock)),
      certificate_metrics_(add_certificate_metrics(metrics_, settings_)),
      balances_(settings_, ledger_),
      ledger_metrics_(metrics_.add_collector([this](std::vector<MetricFamily>& families) {
        ledger_.collect(families);
        balances_.collect(families);
        collect_items(ledger_, families);
      })),
      target_info_(add_target_info(metrics_, settings_.telemetry)) {}

Status Service::start() {
  const TelemetrySettings& telemetry = settings_.telemetry;
  if (telemetry.serve_metrics) {
    const CounterNames names =
        telemetry.total_suffix ? CounterNames::kTotalSuffix : CounterNames::kPlain;
    Result<std::unique_ptr<HttpServer>> server =
        HttpServer::listen(telemetry.metrics_endpoint,
                           {{"/metrics", [this, names]() -> HttpResponse {
                               return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
                                       .body = metrics_.text(names)};
                             }}});
    if (!server) {
      return permanent(fmt::format("{}: service::telemetry::metrics: {}",
                                   telemetry.position.to_string(), server.error().message));
    }
    server_ = *std::move(server);
  }
  return graph_->start();
}

void Service::stop(std::chrono::steady_clock::time_point deadline) {
  graph_->stop(deadline);
  if (!std::exchange(reported_, true)) balances_.report_at_rest();
  server_.reset();
}

}  // namespace kernspan
