#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"

namespace kernspan {

struct PrometheusSettings {
  std::string endpoint = {};
  std::string name_space = {};
  std::map<std::string, std::string> const_labels = {};
  bool send_timestamps = false;
  std::chrono::nanoseconds metric_expiration = std::chrono::minutes{5};
  bool resource_attributes_as_labels = false;  // resource_to_telemetry_conversion::enabled
  bool open_metrics = false;
  bool add_suffixes = true;
  std::size_t max_series = 100'000;  // own key
};

// `path` is how messages call the settings.
Result<PrometheusSettings> read_prometheus_settings(const ConfigNode& node, const std::string& path,
                                                    ConfigWarnings& warnings);

}  // namespace kernspan
