#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Types `load_balancing` and `loadbalancing`, its name before upstream renamed it: sends each trace
// (or service, ...) to the one of several peers that owns it, over OTLP/gRPC.
ExporterFactory load_balancing_exporter_factory();

}  // namespace kernspan
