#include "pipeline/service/telemetry_settings.h"

#include <fmt/format.h>

#include <cstdint>

namespace kernspan {
namespace {

void read_logs(ConfigReader& logs, TelemetrySettings& settings) {
  logs.choice("level", &settings.log_level,
              {{"debug", LogLevel::kDebug},
               {"DEBUG", LogLevel::kDebug},
               {"info", LogLevel::kInfo},
               {"INFO", LogLevel::kInfo},
               {"warn", LogLevel::kWarn},
               {"WARN", LogLevel::kWarn},
               {"error", LogLevel::kError},
               {"ERROR", LogLevel::kError}});
  std::string encoding = "console";
  logs.string("encoding", &encoding);
  if (encoding != "console") logs.warning("encoding", "the log is always written as console text");
  for (const char* key : {"sampling", "output_paths", "error_output_paths", "development",
                          "disable_caller", "disable_stacktrace", "initial_fields", "processors"}) {
    logs.ignored(key, "the log goes to standard error, and repeated lines are always limited");
  }
}

void read_prometheus(ConfigReader& prometheus, TelemetrySettings& settings) {
  std::string host = "localhost";
  std::uint16_t port = 8888;
  bool without_type_suffix = true;
  bool without_units = true;
  bool without_scope_info = true;
  prometheus.string("host", &host);
  prometheus.integer("port", &port);
  prometheus.boolean("without_type_suffix", &without_type_suffix);
  prometheus.boolean("without_units", &without_units);
  prometheus.boolean("without_scope_info", &without_scope_info);
  prometheus.ignored("with_resource_constant_labels", "metrics carry no resource labels");
  if (!without_units) prometheus.warning("without_units", "names never carry a unit here");
  if (!without_scope_info)
    prometheus.warning("without_scope_info", "there is no scope information");
  const bool is_ipv6 = host.contains(':') && !host.starts_with('[');
  settings.metrics_endpoint =
      is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
  settings.total_suffix = !without_type_suffix;
}

void read_readers(ConfigReader& metrics, TelemetrySettings& settings) {
  const std::vector<ConfigReader*> readers = metrics.sections("readers");
  bool found = false;
  for (ConfigReader* reader : readers) {
    reader->ignored("periodic",
                    "metrics are only served for scraping; use pull.exporter.prometheus");
    if (!reader->has("pull")) continue;
    ConfigReader& pull = reader->section("pull");
    ConfigReader& exporter = pull.section("exporter");
    exporter.require("prometheus", "it is the only exporter of a pull reader");
    ConfigReader& prometheus = exporter.section("prometheus");
    if (found) {
      reader->error("pull", "a second pull reader; metrics are served at one address, remove one");
    }
    read_prometheus(prometheus, settings);
    found = true;
  }
  if (metrics.has("readers") && !found) settings.serve_metrics = false;
}

}  // namespace

void read_telemetry_settings(ConfigReader& telemetry, TelemetrySettings& settings) {
  read_logs(telemetry.section("logs"), settings);
  ConfigReader& metrics = telemetry.section("metrics");
  settings.position = metrics.root().position();
  enum class Level { kNone, kOther };
  Level level = Level::kOther;
  metrics.choice("level", &level,
                 {{"none", Level::kNone},
                  {"basic", Level::kOther},
                  {"normal", Level::kOther},
                  {"detailed", Level::kOther}});
  read_readers(metrics, settings);
  if (metrics.has("address")) {
    metrics.warning("address",
                    "was removed from the collector; write "
                    "readers: [{pull: {exporter: {prometheus: {host: ..., port: ...}}}}]");
    if (metrics.has("readers")) {
      metrics.error("address", "stands beside readers; remove address");
    }
    settings.serve_metrics = true;
  }
  metrics.endpoint("address", &settings.metrics_endpoint);
  if (level == Level::kNone) settings.serve_metrics = false;
  telemetry.ignored("resource", "metrics carry no resource labels");
  telemetry.ignored("traces", "the daemons do not trace themselves");
}

}  // namespace kernspan
