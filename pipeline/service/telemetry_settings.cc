#include "pipeline/service/telemetry_settings.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

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
  LogOutput& output = settings.log_output;
  logs.choice("encoding", &output.json, {{"console", false}, {"json", true}});
  logs.string_list("output_paths", &output.paths);
  if (output.paths.empty()) logs.error("output_paths", "must name a file, stderr or stdout");
  std::vector<std::string> error_paths = {"stderr"};
  logs.string_list("error_output_paths", &error_paths);
  if (error_paths != std::vector<std::string>{"stderr"}) {
    logs.warning("error_output_paths", "problems of the log itself go to standard error");
  }
  ConfigReader& sampling = logs.section("sampling");
  sampling.boolean("enabled", &output.sampled);
  sampling.duration("tick", &output.interval);
  sampling.integer<std::uint64_t>("initial", &output.initial);
  sampling.integer<std::uint64_t>("thereafter", &output.thereafter);
  for (const char* key :
       {"development", "disable_caller", "disable_stacktrace", "initial_fields", "processors"}) {
    logs.ignored(key, "lines of the log have a time, a level and a message");
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
  prometheus.ignored("with_resource_constant_labels",
                     "resource attributes are the labels of target_info only");
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

// Name to value; null removes what would be there otherwise.
void read_resource(ConfigReader& telemetry, TelemetrySettings& settings) {
  ConfigReader& resource = telemetry.section("resource");
  for (const ConfigEntry& entry : resource.root().entries()) {
    settings.resource[entry.key] = "";
    resource.string(entry.key, &settings.resource[entry.key]);
  }
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
  read_resource(telemetry, settings);
  telemetry.ignored("traces", "the daemons do not trace themselves");
}

}  // namespace kernspan
