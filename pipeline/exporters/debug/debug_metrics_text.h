#pragma once

#include <string>

#include "pipeline/otlp/batch.h"

namespace kernspan {

// One line per data point: name, attributes and what it says.
std::string debug_metric_lines(const otlp::Batch& batch);

// Every field of every data point, in the collector's layout for verbosity detailed.
std::string debug_metric_blocks(const otlp::Batch& batch);

}  // namespace kernspan
