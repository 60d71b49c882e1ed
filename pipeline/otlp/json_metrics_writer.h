#pragma once

#include <protozero/pbf_reader.hpp>
#include <string>

#include "pipeline/otlp/json_writer.h"

namespace kernspan::otlp {

// Appends the items of the resourceMetrics array of an ExportMetricsServiceRequest.
void append_metrics_json(protozero::pbf_reader request, std::string& out, JsonOutcome& outcome);

}  // namespace kernspan::otlp
