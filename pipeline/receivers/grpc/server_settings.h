#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

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
  // Kernspan's own: a call whose message has not come by then is ended, so that calls which say
  // nothing cannot take all places.
  std::chrono::nanoseconds message_timeout = std::chrono::seconds(60);
  GrpcKeepaliveSettings keepalive = {};
};

}  // namespace kernspan
