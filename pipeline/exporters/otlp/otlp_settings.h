#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>

#include "pipeline/component/client_auth.h"
#include "pipeline/component/client_tls.h"
#include "pipeline/component/config_node.h"
#include "pipeline/exporters/sender/sender_settings.h"

namespace kernspan {

enum class Compression { kNone, kGzip };
enum class Balancer { kRoundRobin, kPickFirst };

// When a connection counts as dead: HTTP/2 pings while requests wait. The defaults are the
// collector's.
struct KeepaliveSettings {
  std::chrono::nanoseconds time = std::chrono::seconds{10};
  std::chrono::nanoseconds timeout = std::chrono::seconds{10};
  bool permit_without_stream = false;
};

struct OtlpExporterSettings {
  std::string path = {};      // how messages call the settings
  std::string endpoint = {};  // host:port, or a target of gRPC's: "dns:///gateway:4317"
  ClientTlsSettings tls = {};
  Compression compression = Compression::kGzip;
  std::map<std::string, std::string> headers = {};  // names in lower case
  const ClientAuthenticator* auth = nullptr;        // borrowed; may be null
  Balancer balancer = Balancer::kRoundRobin;
  KeepaliveSettings keepalive = {};
  bool wait_for_ready = false;
  SenderSettings sender = {};
};

// `path` is how messages call the settings.
Result<OtlpExporterSettings> read_otlp_exporter_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         const Extensions& extensions,
                                                         ConfigWarnings& warnings);

}  // namespace kernspan
