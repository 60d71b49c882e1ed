#pragma once

#include "pipeline/component/factory.h"
#include "pipeline/exporters/load_balancing/routing.h"
#include "pipeline/exporters/otlp/otlp_settings.h"
#include "pipeline/routing/resolver.h"

namespace kernspan {

struct LoadBalancingSettings {
  Routing routing = {};
  ResolverSettings resolver = {};
  OtlpExporterSettings otlp = {};  // of each backend; the endpoint is the backend's
  // Whether each backend has a queue of its own: upstream's default. Otherwise `sender` is the one
  // in front of all of them.
  bool queue_per_backend = true;
  SenderSettings sender = {};
};

Result<LoadBalancingSettings> read_load_balancing_settings(const ConfigNode& node,
                                                           const ComponentContext& context);

}  // namespace kernspan
