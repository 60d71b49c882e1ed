#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `otlp_http`, formerly `otlphttp`: OTLP over HTTP.
ExporterFactory otlp_http_exporter_factory();

}  // namespace kernspan
