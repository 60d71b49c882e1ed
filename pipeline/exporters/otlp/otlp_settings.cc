#include "pipeline/exporters/otlp/otlp_settings.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

bool remove_prefix(std::string& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.erase(0, prefix.size());
  return true;
}

bool ends_with_port(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = address.substr(colon + 1);
  return !port.empty() && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

void read_endpoint(ConfigReader& reader, OtlpExporterSettings* settings) {
  reader.require("endpoint", "say where to send the data, for example gateway:4317");
  std::string& endpoint = settings->endpoint;
  reader.string("endpoint", &endpoint);
  // As upstream: a scheme is allowed, and http:// means no TLS.
  if (remove_prefix(endpoint, "http://")) {
    settings->tls.insecure = true;
  } else if (!remove_prefix(endpoint, "https://")) {
    remove_prefix(endpoint, "passthrough:///");  // grpc-go's word for "as it is"
  }
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (endpoint.empty() || endpoint.starts_with("unix:")) return;
  if (!ends_with_port(endpoint)) {
    reader.error("endpoint", "is not host:port, for example gateway:4317");
  }
}

void read_headers(ConfigReader& reader, OtlpExporterSettings* settings) {
  std::map<std::string, std::string> headers;
  reader.string_map("headers", &headers);
  for (auto& [name, value] : headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (!is_header_name(lower) || lower.starts_with("grpc-")) {
      reader.error("headers", "'" + name + "' cannot be the name of a header of gRPC");
    } else if (!is_header_value(value)) {
      reader.error("headers",
                   "the value of '" + name + "' has characters that a header cannot have");
    }
    settings->headers.emplace(std::move(lower), std::move(value));
  }
}

// What gRPC's C++ library can be told: its TLS is 1.2 to 1.3.
void check_tls_versions(ConfigReader& tls, const ClientTlsSettings& settings) {
  if (settings.min_version == ClientTlsVersion::kTls10 ||
      settings.min_version == ClientTlsVersion::kTls11) {
    tls.warning("min_version", "gRPC never goes below TLS 1.2");
  } else if (settings.min_version == ClientTlsVersion::kTls13) {
    tls.error("min_version",
              "1.3 cannot be enforced by this gRPC client: refuse TLS 1.2 at the server");
  }
  if (settings.max_version != ClientTlsVersion::kDefault &&
      settings.max_version != ClientTlsVersion::kTls13) {
    tls.error("max_version", "cannot be set lower than 1.3 for gRPC: remove the key");
  }
}

void read_compression(ConfigReader& reader, Compression* compression) {
  enum class Name { kNone, kGzip, kOther };
  Name name = *compression == Compression::kGzip ? Name::kGzip : Name::kNone;
  reader.choice("compression", &name,
                {{"gzip", Name::kGzip},
                 {"none", Name::kNone},
                 {"", Name::kNone},
                 {"zstd", Name::kOther},
                 {"snappy", Name::kOther}});
  if (name == Name::kOther) {
    reader.error("compression",
                 "gRPC here can only do gzip and none: use one of these, or otlp_http for zstd");
  }
  *compression = name == Name::kGzip ? Compression::kGzip : Compression::kNone;
}

void read_keepalive(ConfigReader& keepalive, KeepaliveSettings* settings) {
  keepalive.duration("time", &settings->time);
  keepalive.duration("timeout", &settings->timeout);
  keepalive.boolean("permit_without_stream", &settings->permit_without_stream);
}

}  // namespace

Result<OtlpExporterSettings> read_otlp_exporter_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         const Extensions& extensions,
                                                         ConfigWarnings& warnings) {
  OtlpExporterSettings settings;
  settings.path = path;
  ConfigReader reader(node, warnings, path);
  read_endpoint(reader, &settings);
  ConfigReader& tls = reader.section("tls");
  read_client_tls(tls, &settings.tls);
  check_tls_versions(tls, settings.tls);
  settings.auth = read_client_auth(reader, extensions, settings.tls.plaintext());
  read_compression(reader, &settings.compression);
  read_headers(reader, &settings);
  reader.choice("balancer_name", &settings.balancer,
                {{"round_robin", Balancer::kRoundRobin}, {"pick_first", Balancer::kPickFirst}});
  read_keepalive(reader.section("keepalive"), &settings.keepalive);
  reader.boolean("wait_for_ready", &settings.wait_for_ready);
  read_sender_settings(reader, &settings.sender);
  for (const char* key : {"write_buffer_size", "read_buffer_size"}) {
    reader.ignored(key, "gRPC's own default is used");
  }
  if (reader.has("authority")) {
    reader.error("authority", "is not supported: use tls::server_name_override");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
