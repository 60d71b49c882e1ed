#pragma once

#include <map>
#include <string>

#include "pipeline/component/config_node.h"
#include "pipeline/exporters/sender/sender_settings.h"

namespace kernspan {

enum class Compression { kNone, kGzip };

struct ClientTlsSettings {
  bool insecure = false;
  std::string ca_file = {};    // empty: the system's certificate authorities
  std::string cert_file = {};  // with key_file: what this client shows the server
  std::string key_file = {};
  std::string server_name_override = {};
};

struct OtlpExporterSettings {
  std::string endpoint;  // host:port
  ClientTlsSettings tls;
  Compression compression = Compression::kGzip;
  std::map<std::string, std::string> headers;
  SenderSettings sender;
};

// `path` is how messages call the settings.
Result<OtlpExporterSettings> read_otlp_exporter_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         ConfigWarnings& warnings);

}  // namespace kernspan
