// The structure of a configuration, before any component has read its own part: which components
// there are, which pipelines, and what refers to what.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/base/log.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/registry.h"
#include "pipeline/otlp/signal.h"

namespace kernspan {

// One entry of `receivers`, `processors`, `exporters`, `connectors` or `extensions`.
struct ComponentSettings {
  std::string id;  // "otlp/backup"
  std::string type;
  ConfigPosition position;  // of its key
  ConfigNode node;
};

// An id where a pipeline or service::extensions names it.
struct ComponentReference {
  std::string id;
  ConfigPosition position;
};

struct PipelineSettings {
  std::string id;  // "traces/local"
  otlp::Signal signal = otlp::Signal::kTraces;
  ConfigPosition position;
  std::vector<ComponentReference> receivers;
  std::vector<ComponentReference> processors;
  std::vector<ComponentReference> exporters;
  std::vector<ComponentReference> connectors_in;   // what its list of receivers names
  std::vector<ComponentReference> connectors_out;  // what its list of exporters names
};

// Where /metrics is served, and how.
struct TelemetrySettings {
  LogLevel log_level = LogLevel::kInfo;
  LogOutput log_output;
  // Of this program itself: the labels of target_info. An empty value removes one.
  std::map<std::string, std::string> resource;
  bool serve_metrics = true;
  std::string metrics_endpoint = "localhost:8888";
  bool total_suffix = false;  // "_total" behind the names of counters
  ConfigPosition position;    // of service::telemetry::metrics, or of the file
};

struct ServiceSettings {
  std::vector<ComponentSettings> receivers;
  std::vector<ComponentSettings> processors;
  std::vector<ComponentSettings> exporters;
  std::vector<ComponentSettings> connectors;
  std::vector<ComponentSettings> extensions;
  std::vector<PipelineSettings> pipelines;
  std::vector<ComponentReference> used_extensions;  // in their order of start
  TelemetrySettings telemetry;
};

// Fills `settings` and checks everything that can be checked without asking a component: sections,
// ids and types, pipelines and their references. The error has one line per problem, each with its
// position; `settings` then holds what could be read.
[[nodiscard]] Status read_settings(const ConfigNode& root, const Registry& registry,
                                   ConfigWarnings& warnings, ServiceSettings& settings);

}  // namespace kernspan
