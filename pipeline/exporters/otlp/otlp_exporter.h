#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `otlp`: OTLP over gRPC.
ExporterFactory otlp_exporter_factory();
// The same under its newer upstream name, `otlp_grpc`.
ExporterFactory otlp_grpc_exporter_factory();

}  // namespace kernspan
