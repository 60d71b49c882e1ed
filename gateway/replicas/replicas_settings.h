#pragma once

#include <string>

#include "gateway/replicas/replica_set.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/extensions.h"
#include "pipeline/exporters/otlp/otlp_settings.h"
#include "pipeline/receivers/otlp/otlp_settings.h"
#include "pipeline/routing/resolver.h"

namespace kernspan::replicas {

struct ReplicasSettings {
  ReplicaSetSettings set = {};  // without id and instance
  ResolverSettings resolver = {};
  GrpcServerSettings server = {};
  OtlpExporterSettings client = {};
};

// `path` is how messages call the settings.
Result<ReplicasSettings> read_replicas_settings(const ConfigNode& node, const std::string& path,
                                                const Extensions& extensions,
                                                ConfigWarnings& warnings);

// The resolver's "10.0.0.1" or "fd00::1" with a port; what has one stays.
std::string with_port(const std::string& host, const std::string& port);

}  // namespace kernspan::replicas
