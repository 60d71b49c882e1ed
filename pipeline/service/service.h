// A configuration made to run: metrics endpoint, ledger and graph, in the right order.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/http_server.h"
#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/service/effective_config.h"
#include "pipeline/service/graph.h"
#include "pipeline/service/pipeline_balance.h"

namespace kernspan {

// Everything up to, and without, starting: what `--validate` and `kernspan validate` do. The effective
// configuration; the error has one line per problem.
Result<ConfigNode> check_config(const std::vector<std::string>& sources,
                                const Environment& environment, const Registry& registry,
                                ConfigWarnings& warnings, ConfigOptions options = {});

// One thread.
class Service {
 public:
  // Loads, checks and builds; opens nothing but the files. The clock outlives the service.
  static Result<std::unique_ptr<Service>> create(const std::vector<std::string>& sources,
                                                 const Environment& environment,
                                                 const Registry& registry, const Clock& clock,
                                                 ConfigWarnings& warnings,
                                                 ConfigOptions options = {});

  Status start();
  // Drains. /metrics stays until everything else has stopped. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);

  const Ledger& ledger() const { return ledger_; }
  const Metrics& metrics() const { return metrics_; }
  const TelemetrySettings& telemetry() const { return settings_.telemetry; }
  // Where /metrics is; 0 when it is not served.
  std::uint16_t metrics_port() const { return server_ ? server_->port() : std::uint16_t{0}; }

 private:
  Service(ServiceSettings settings, const Clock& clock);
  static Result<std::unique_ptr<Service>> create_from(const ConfigNode& root,
                                                      const Registry& registry, const Clock& clock,
                                                      ConfigWarnings& warnings,
                                                      ConfigOptions options);
  friend Result<ConfigNode> check_config(const std::vector<std::string>&, const Environment&,
                                         const Registry&, ConfigWarnings&, ConfigOptions);

  const ServiceSettings settings_;
  Metrics metrics_;
  Ledger ledger_;
  Metrics::Registration process_metrics_;
  Metrics::Registration certificate_metrics_;
  PipelineBalances balances_;
  Metrics::Registration ledger_metrics_;
  Metrics::Registration target_info_;
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<HttpServer> server_;
  bool reported_ = false;  // the balance at rest
};

}  // namespace kernspan
