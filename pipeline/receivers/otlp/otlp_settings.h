#pragma once

#include <cstdint>
#include <string>

#include "pipeline/component/config_node.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {

struct ServerTlsSettings {
  bool enabled = false;
  std::string cert_file = {};
  std::string key_file = {};
  std::string client_ca_file = {};  // set: every client must show a certificate that it signed
};

struct GrpcServerSettings {
  std::string endpoint = "localhost:4317";
  std::uint64_t max_recv_msg_size_bytes = 4 << 20;  // grpc-go's default
  ServerTlsSettings tls = {};
};

// `path` is how messages call the settings.
Result<GrpcServerSettings> read_otlp_receiver_settings(const ConfigNode& node,
                                                       const std::string& path,
                                                       ConfigWarnings& warnings);

}  // namespace kernspan
