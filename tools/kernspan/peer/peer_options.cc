#include "tools/kernspan/peer/peer_options.h"

#include <fmt/format.h>

#include <fstream>
#include <utility>

#include "pipeline/extensions/bearer_token_auth/token_set.h"

namespace kernspan::tools {
namespace {

constexpr std::size_t kTokenFileBytesMax = 1 << 20;

ConfigEntry entry(std::string key, ConfigNode value) {
  return {std::move(key), {}, std::move(value)};
}

ConfigEntry entry(std::string key, const std::string& text) {
  return entry(std::move(key), string_node(text));
}

ConfigEntry flag(std::string key, bool value) {
  const std::string text = value ? "true" : "false";
  return entry(std::move(key), ConfigNode::scalar({}, text, text, false));
}

ConfigNode tls_settings(const PeerOptions& options) {
  std::vector<ConfigEntry> tls;
  tls.push_back(flag("insecure", options.insecure));
  if (!options.ca_file.empty()) tls.push_back(entry("ca_file", options.ca_file));
  if (!options.cert_file.empty()) tls.push_back(entry("cert_file", options.cert_file));
  if (!options.key_file.empty()) tls.push_back(entry("key_file", options.key_file));
  if (!options.server_name.empty()) {
    tls.push_back(entry("server_name_override", options.server_name));
  }
  return ConfigNode::map({}, std::move(tls));
}

}  // namespace

ConfigNode string_node(std::string text) {
  // "shown" is what messages quote: a header's value is nobody's business.
  return ConfigNode::scalar({}, std::move(text), "(from the command line)", true);
}

void declare_peer_options(CLI::App& app, PeerOptions& options) {
  app.add_flag("--http,--otlp-http", options.http,
               "OTLP over HTTP instead of gRPC; implied by a URL with a path or port 4318");
  app.add_flag("--insecure,--otlp-insecure", options.insecure, "No TLS");
  app.add_option("--ca-file,--ca-cert", options.ca_file,
                 "Certificate authority of the server (default: the system's)");
  app.add_option("--cert-file,--client-cert", options.cert_file,
                 "Client certificate, for mutual TLS");
  app.add_option("--key-file,--client-key", options.key_file, "Its private key");
  app.add_option("--server-name", options.server_name,
                 "Name that the server's certificate must carry, if it is not the endpoint's");
  app.add_option("--header,--otlp-header", options.headers, "Header name=value; repeatable");
  app.add_option("--token-file", options.token_file,
                 "File whose first line is sent as a bearer token");
}

std::map<std::string, std::string> read_pairs(const std::vector<std::string>& pairs,
                                              const std::string& option) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw CLI::ValidationError(option, "expected name=value");
    }
    std::string value = pair.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    map[pair.substr(0, equals)] = std::move(value);
  }
  return map;
}

Result<std::string> token_of_file(const std::string& path, std::string_view scheme) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return permanent(fmt::format("the token file {} cannot be read", path));
  std::string text(kTokenFileBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const Result<TokenSet> tokens = TokenSet::from_lines(scheme, text);
  if (!tokens) return permanent(fmt::format("{}: {}", path, tokens.error().message));
  return tokens->first();
}

Status add_token_of_file(PeerOptions& options) {
  if (options.token_file.empty()) return {};
  const Result<std::string> value = token_of_file(options.token_file, "Bearer");
  if (!value) return std::unexpected(value.error());
  options.headers.push_back("authorization=" + *value);
  return {};
}

ConfigNode exporter_settings(const PeerOptions& options) {
  std::vector<ConfigEntry> headers;
  for (const auto& [name, value] : read_pairs(options.headers, "--header")) {
    headers.push_back(entry(name, value));
  }
  std::vector<ConfigEntry> settings;
  settings.push_back(entry("endpoint", options.endpoint));
  settings.push_back(entry("tls", tls_settings(options)));
  settings.push_back(entry("headers", ConfigNode::map({}, std::move(headers))));
  for (const char* section : {"sending_queue", "retry_on_failure"}) {
    settings.push_back(entry(section, ConfigNode::map({}, {flag("enabled", false)})));
  }
  return ConfigNode::map({}, std::move(settings));
}

}  // namespace kernspan::tools
