#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `otlphttp`: OTLP over HTTP.
ExporterFactory otlphttp_exporter_factory();
// The same under its newer upstream name, `otlp_http`.
ExporterFactory otlp_http_exporter_factory();

}  // namespace kernspan
