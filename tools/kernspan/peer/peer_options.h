// What `kernspan probe` and `kernspan send-test-trace` are told about the other side. Every option
// also goes by the name that telemetrygen gives it.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"

namespace kernspan::tools {

struct PeerOptions {
  std::string endpoint;  // host:port, or a URL
  bool http = false;     // OTLP/HTTP instead of gRPC
  bool insecure = false;
  std::string ca_file = {};
  std::string cert_file = {};
  std::string key_file = {};
  std::string server_name = {};
  std::vector<std::string> headers = {};  // "name=value"
  std::string token_file = {};            // one token a line; the first is sent
};

// Declares the options but the endpoint; `options` outlives the parser's run.
void declare_peer_options(CLI::App& app, PeerOptions& options);

// "name=value" pairs; a value may stand in double quotes, as telemetrygen wants them. Throws
// CLI::ValidationError for anything else.
std::map<std::string, std::string> read_pairs(const std::vector<std::string>& pairs,
                                              const std::string& option);

// The settings of an `otlp` or `otlp_http` exporter towards the peer: no queue and no second
// attempt, so that the outcome of a request is the outcome of the call.
ConfigNode exporter_settings(const PeerOptions& options);

// A map of strings as settings have it.
ConfigNode string_node(std::string text);

// What an authorization header carries: the scheme and the first token of a file. No message has a
// token in it.
Result<std::string> token_of_file(const std::string& path, std::string_view scheme);

// Puts the token of `token_file`, if there is one, among the headers.
Status add_token_of_file(PeerOptions& options);

}  // namespace kernspan::tools
