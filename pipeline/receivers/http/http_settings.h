// The settings of a receiver's HTTP server: the collector's confighttp.ServerConfig.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/receivers/http/body_decoder.h"
#include "pipeline/receivers/http/cors.h"
#include "pipeline/receivers/tls/server_tls_settings.h"

namespace kernspan {

struct HttpServerSettings {
  std::string endpoint = {};
  std::uint64_t max_request_body_size = 20 << 20;  // on the wire, and again when decompressed
  std::vector<ContentEncoding> encodings = {ContentEncoding::kGzip, ContentEncoding::kZstd,
                                            ContentEncoding::kZlib, ContentEncoding::kDeflate};
  std::chrono::nanoseconds read_timeout{0};  // of a whole request; 0: only the bounds below
  std::chrono::nanoseconds read_header_timeout = std::chrono::minutes(1);
  std::chrono::nanoseconds write_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds idle_timeout = std::chrono::minutes(1);
  bool keep_alives_enabled = true;
  std::map<std::string, std::string> response_headers = {};
  CorsSettings cors = {};
  ServerTlsSettings tls = {};
  std::string authenticator = {};  // the id of an extension; empty: nobody is asked
  // Kernspan's own: connections at a time; when one more comes the one that has waited longest
  // goes. 0: 4096, or 1024 with TLS, whose buffers take 90 KB for each.
  std::uint32_t max_connections = 0;
};

void read_http_server(ConfigReader& http, HttpServerSettings* settings);

// `auth: {authenticator: ID}`, the same for gRPC.
void read_server_auth(ConfigReader& section, std::string* authenticator);

}  // namespace kernspan
