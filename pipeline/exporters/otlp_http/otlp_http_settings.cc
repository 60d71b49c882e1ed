#include "pipeline/exporters/otlp_http/otlp_http_settings.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string_view>

#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

// What OTLP/HTTP receivers take when nobody has configured them.
constexpr std::uint64_t kHttpMaxRequestBytes = 20 << 20;

bool is_http_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (url.starts_with(scheme) && url.size() > scheme.size() && url[scheme.size()] != '/') {
      return std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~'; });
    }
  }
  return false;
}

void read_url(ConfigReader& reader, std::string_view key, std::string* url) {
  reader.string(key, url);
  if (!url->empty() && !is_http_url(*url)) {
    reader.error(key, "is not a URL such as http://gateway:4318 (https:// for TLS)");
  }
}

void read_urls(ConfigReader& reader, OtlpHttpExporterSettings* settings) {
  std::string endpoint;
  read_url(reader, "endpoint", &endpoint);
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (!endpoint.empty()) {
    settings->traces_url = endpoint + "/v1/traces";
    settings->metrics_url = endpoint + "/v1/metrics";
  }
  read_url(reader, "traces_endpoint", &settings->traces_url);
  read_url(reader, "metrics_endpoint", &settings->metrics_url);
  reader.ignored("logs_endpoint", "there are no pipelines of logs");
  reader.ignored("profiles_endpoint", "there are no pipelines of profiles");
  if (settings->traces_url.empty() && settings->metrics_url.empty()) {
    reader.error("endpoint",
                 "at least one endpoint must be specified: endpoint (a base URL), or "
                 "traces_endpoint or metrics_endpoint");
  }
}

void read_compression(ConfigReader& reader, HttpCompression* compression) {
  enum class Name { kNone, kGzip, kZlib, kDeflate, kZstd, kOther };
  auto name = static_cast<Name>(*compression);
  reader.choice("compression", &name,
                {{"gzip", Name::kGzip},
                 {"zstd", Name::kZstd},
                 {"zlib", Name::kZlib},
                 {"deflate", Name::kDeflate},
                 {"none", Name::kNone},
                 {"", Name::kNone},
                 {"snappy", Name::kOther},
                 {"x-snappy-framed", Name::kOther},
                 {"lz4", Name::kOther}});
  if (name == Name::kOther) {
    reader.error("compression", "is not supported: use gzip, zstd, zlib, deflate or none");
    return;
  }
  *compression = static_cast<HttpCompression>(name);
}

void read_headers(ConfigReader& reader, std::map<std::string, std::string>* headers) {
  reader.string_map("headers", headers);
  for (const auto& [name, value] : *headers) {
    if (!is_header_name(name)) {
      reader.error("headers", "'" + name + "' cannot be the name of a header");
    } else if (!is_header_value(value)) {
      reader.error("headers",
                   "the value of '" + name + "' has characters that a header cannot have");
    }
  }
}

}  // namespace

Result<OtlpHttpExporterSettings> read_otlp_http_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         const Extensions& extensions,
                                                         ConfigWarnings& warnings) {
  OtlpHttpExporterSettings settings;
  settings.path = path;
  settings.sender.timeout = std::chrono::seconds{30};
  settings.sender.max_request_bytes = kHttpMaxRequestBytes;
  ConfigReader reader(node, warnings, path);
  read_urls(reader, &settings);
  reader.choice("encoding", &settings.encoding,
                {{"proto", HttpEncoding::kProto}, {"json", HttpEncoding::kJson}});
  read_compression(reader, &settings.compression);
  read_headers(reader, &settings.headers);
  read_client_tls(reader.section("tls"), &settings.tls);
  const bool plaintext =
      settings.traces_url.starts_with("http:") || settings.metrics_url.starts_with("http:");
  settings.auth = read_client_auth(reader, extensions, plaintext);
  reader.string("proxy_url", &settings.proxy_url);
  reader.integer<long>("max_idle_conns", &settings.max_idle_connections, 0);
  reader.integer<long>("max_conns_per_host", &settings.max_connections, 0);
  bool force_http2 = true;
  reader.boolean("force_attempt_http2", &force_http2);
  settings.http2 = force_http2;
  read_sender_settings(reader, &settings.sender);
  for (const char* key : {"read_buffer_size", "write_buffer_size", "max_idle_conns_per_host",
                          "idle_conn_timeout", "http2_read_idle_timeout", "http2_ping_timeout",
                          "compression_params", "disable_keep_alives"}) {
    reader.ignored(key, "libcurl's own default is used");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
