#pragma once

#include <map>
#include <string>

#include "pipeline/component/client_auth.h"
#include "pipeline/component/client_tls.h"
#include "pipeline/component/config_node.h"
#include "pipeline/exporters/sender/sender_settings.h"

namespace kernspan {

enum class HttpEncoding { kProto, kJson };
enum class HttpCompression { kNone, kGzip, kZlib, kDeflate, kZstd };

struct OtlpHttpExporterSettings {
  std::string path = {};         // how messages call the settings
  std::string traces_url = {};   // empty: neither `endpoint` nor this is set
  std::string metrics_url = {};  // likewise
  HttpEncoding encoding = HttpEncoding::kProto;
  HttpCompression compression = HttpCompression::kGzip;
  std::map<std::string, std::string> headers = {};
  const ClientAuthenticator* auth = nullptr;  // borrowed; may be null
  ClientTlsSettings tls = {};
  std::string proxy_url = {};     // empty: what the environment says (https_proxy, ...)
  long max_idle_connections = 0;  // 0: libcurl's choice
  long max_connections = 0;       // to the peer; 0: no bound
  bool http2 = true;              // asked for over TLS, as the peer likes
  SenderSettings sender = {};
};

// `path` is how messages call the settings.
Result<OtlpHttpExporterSettings> read_otlp_http_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         const Extensions& extensions,
                                                         ConfigWarnings& warnings);

}  // namespace kernspan
