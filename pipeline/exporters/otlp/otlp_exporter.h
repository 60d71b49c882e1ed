#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Types `otlp_grpc` and `otlp`, its name before upstream renamed it: OTLP over gRPC.
ExporterFactory otlp_exporter_factory();

}  // namespace kernspan
