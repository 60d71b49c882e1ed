#pragma once

#include "pipeline/processors/resource_detection/detector.h"

namespace kernspan {

// `env`: OTEL_RESOURCE_ATTRIBUTES, "key=value,key=value", values percent-encoded; where it is not
// set, OTEL_RESOURCE.
std::unique_ptr<Detector> make_env_detector(const DetectionSources& sources);

}  // namespace kernspan
