#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/component/config_node.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/receivers/http/http_settings.h"
#include "pipeline/receivers/tls/server_tls_settings.h"

namespace kernspan {

// Absent: gRPC's own default, which is grpc-go's as well.
struct GrpcKeepaliveSettings {
  std::optional<std::chrono::nanoseconds> max_connection_idle = {};
  std::optional<std::chrono::nanoseconds> max_connection_age = {};
  std::optional<std::chrono::nanoseconds> max_connection_age_grace = {};
  std::optional<std::chrono::nanoseconds> time = {};
  std::optional<std::chrono::nanoseconds> timeout = {};
  std::optional<std::chrono::nanoseconds> min_time = {};
  bool permit_without_stream = false;
};

struct GrpcServerSettings {
  std::string endpoint = "localhost:4317";
  std::uint64_t max_recv_msg_size_bytes = 4 << 20;  // grpc-go's default
  ServerTlsSettings tls = {};
  std::string authenticator = {};  // the id of an extension; empty: nobody is asked
  // Per connection. The exporters in use have 10 requests under way.
  std::uint32_t max_concurrent_streams = 100;
  // Kernspan's own. gRPC looks at a message's size when all of it has come: this bounds what it holds
  // until then, and what the pipeline holds of the read buffers. Beyond it calls are cancelled.
  std::uint64_t max_buffered_bytes = 1 << 30;
  std::uint64_t read_buffer_bytes = 0;   // 0: gRPC's own default
  std::uint64_t write_buffer_bytes = 0;  // 0: gRPC's own default
  GrpcKeepaliveSettings keepalive = {};
};

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
