#pragma once

#include <optional>
#include <string>

#include "pipeline/component/config_node.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/receivers/grpc/server_settings.h"
#include "pipeline/receivers/http/http_settings.h"

namespace kernspan {

struct OtlpHttpServerSettings {
  HttpServerSettings server = {.endpoint = "localhost:4318"};
  std::string traces_path = "/v1/traces";
  std::string metrics_path = "/v1/metrics";
};

// At least one of them.
struct OtlpReceiverSettings {
  std::optional<GrpcServerSettings> grpc = {};
  std::optional<OtlpHttpServerSettings> http = {};
};

// `path` is how messages call the settings.
Result<OtlpReceiverSettings> read_otlp_receiver_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         ConfigWarnings& warnings);

}  // namespace kernspan
