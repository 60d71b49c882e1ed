#include "pipeline/exporters/otlp/otlp_settings.h"

#include <algorithm>
#include <string_view>

#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

void read_endpoint(ConfigReader& reader, OtlpExporterSettings* settings) {
  reader.require("endpoint", "say where to send the spans, for example gateway:4317");
  reader.string("endpoint", &settings->endpoint);
  // As upstream: a scheme is allowed, and http:// means no TLS.
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  if (settings->endpoint.starts_with(kHttp)) {
    settings->endpoint.erase(0, kHttp.size());
    settings->tls.insecure = true;
  } else if (settings->endpoint.starts_with(kHttps)) {
    settings->endpoint.erase(0, kHttps.size());
  }
  const std::size_t colon = settings->endpoint.rfind(':');
  const std::string_view port =
      colon == std::string::npos ? "" : std::string_view(settings->endpoint).substr(colon + 1);
  const bool is_port = !port.empty() && port.size() <= 5 &&
                       port.find_first_not_of("0123456789") == std::string_view::npos;
  if (!settings->endpoint.empty() && (!is_port || colon == 0)) {
    reader.error("endpoint", "is not host:port, for example gateway:4317");
  }
}

void read_tls(ConfigReader& tls, ClientTlsSettings* settings) {
  tls.boolean("insecure", &settings->insecure);
  tls.string("ca_file", &settings->ca_file);
  tls.string("cert_file", &settings->cert_file);
  tls.string("key_file", &settings->key_file);
  tls.string("server_name_override", &settings->server_name_override);
  if (settings->cert_file.empty() != settings->key_file.empty()) {
    tls.error(settings->cert_file.empty() ? "key_file" : "cert_file",
              "cert_file and key_file are only useful together");
  }
  if (tls.has("insecure_skip_verify")) {
    bool skip = false;
    tls.boolean("insecure_skip_verify", &skip);
    if (skip) {
      tls.error("insecure_skip_verify",
                "a server is always verified: name its certificate authority in ca_file");
    }
  }
}

}  // namespace

Result<OtlpExporterSettings> read_otlp_exporter_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         ConfigWarnings& warnings) {
  OtlpExporterSettings settings;
  ConfigReader reader(node, warnings, path);
  read_endpoint(reader, &settings);
  read_tls(reader.section("tls"), &settings.tls);
  reader.choice(
      "compression", &settings.compression,
      {{"gzip", Compression::kGzip}, {"none", Compression::kNone}, {"", Compression::kNone}});
  reader.string_map("headers", &settings.headers);
  for (const auto& [name, value] : settings.headers) {
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    });
    if (!is_name || name.starts_with("grpc-")) {
      reader.error("headers", "'" + name + "' cannot be the name of a header of gRPC");
    }
  }
  read_sender_settings(reader, &settings.sender);
  for (const char* key : {"write_buffer_size", "read_buffer_size", "balancer_name"}) {
    reader.ignored(key, "gRPC's own default is used");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
