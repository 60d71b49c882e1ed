#pragma once

#include "pipeline/component/config_reader.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// Reads service::telemetry. The older `metrics: {address: host:port}` is taken with a warning.
// Problems go to the reader's finish().
void read_telemetry_settings(ConfigReader& telemetry, TelemetrySettings& settings);

}  // namespace kernspan
