#include "tools/kernspan/probe/config_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "pipeline/extensions/bearer_token_auth/token_set.h"
#include "pipeline/service/config_view.h"
#include "pipeline/service/effective_config.h"
#include "tools/kernspan/validate/known_components.h"

namespace kernspan::tools {
namespace {

std::string text_below(const ConfigNode* node, std::initializer_list<std::string_view> keys) {
  if (node == nullptr) return {};
  const ConfigNode* found = find_path(*node, keys);
  return found != nullptr && found->is_scalar() ? found->text() : std::string();
}

std::vector<std::string> texts_below(const ConfigNode& node, std::string_view key) {
  std::vector<std::string> texts;
  const ConfigNode* list = node.find(key);
  if (list == nullptr) return texts;
  for (const ConfigNode& item : list->items()) texts.push_back(item.text());
  return texts;
}

// "authorization=Bearer ...", of a bearertokenauth extension.
Result<std::string> token_header(const ConfigNode& extension) {
  const std::string file = text_below(&extension, {"filename"});
  std::string scheme = "Bearer";
  if (extension.find("scheme") != nullptr) scheme = text_below(&extension, {"scheme"});
  Result<std::string> value = std::string();
  if (!file.empty()) {
    value = token_of_file(file, scheme);
  } else {
    std::vector<std::string> tokens = texts_below(extension, "tokens");
    if (tokens.empty()) tokens.push_back(text_below(&extension, {"token"}));
    const Result<TokenSet> set = TokenSet::create(scheme, tokens);
    if (!set) return std::unexpected(set.error());
    value = set->first();
  }
  if (!value) return value;
  const std::string header = text_below(&extension, {"header"});
  return fmt::format("{}={}", header.empty() ? "authorization" : header, *value);
}

void add_token(const ConfigNode& root, ConfigTarget& target, const std::string& authenticator) {
  for (const ComponentView& extension : components_of(root, "extensions")) {
    if (extension.id != authenticator) continue;
    if (extension.type != "bearertokenauth" || extension.node == nullptr) break;
    Result<std::string> header = token_header(*extension.node);
    if (!header) {
      target.not_probed = fmt::format("{}: {}", authenticator, header.error().message);
    } else {
      target.peer.headers.push_back(*std::move(header));
    }
    return;
  }
  target.not_probed = fmt::format("its authenticator {} is not bearertokenauth", authenticator);
}

ConfigTarget target_of(const ConfigNode& root, const ComponentView& exporter) {
  ConfigTarget target{.exporter = exporter.id, .peer = {}};
  const ConfigNode* node = exporter.node;
  PeerOptions& peer = target.peer;
  peer.endpoint = text_below(node, {"endpoint"});
  constexpr std::string_view kDnsTarget = "dns:///";
  if (peer.endpoint.starts_with(kDnsTarget)) peer.endpoint.erase(0, kDnsTarget.size());
  peer.http = exporter.type == "otlp_http";
  peer.ca_file = text_below(node, {"tls", "ca_file"});
  peer.cert_file = text_below(node, {"tls", "cert_file"});
  peer.key_file = text_below(node, {"tls", "key_file"});
  peer.server_name = text_below(node, {"tls", "server_name_override"});
  // A certificate authority means TLS, whatever `insecure` says.
  peer.insecure = text_below(node, {"tls", "insecure"}) == "true" && peer.ca_file.empty();
  for (const char* key : {"ca_pem", "cert_pem", "key_pem"}) {
    if (!text_below(node, {"tls", key}).empty()) {
      target.not_probed = fmt::format("tls::{}: only certificates in files are read", key);
    }
  }
  if (text_below(node, {"tls", "insecure_skip_verify"}) == "true") {
    target.not_probed = "tls::insecure_skip_verify: there is no chain to check";
  }
  if (const ConfigNode* headers = node == nullptr ? nullptr : node->find("headers")) {
    for (const ConfigEntry& header : headers->entries()) {
      peer.headers.push_back(fmt::format("{}={}", header.key, header.value.text()));
    }
  }
  const std::string authenticator = text_below(node, {"auth", "authenticator"});
  if (!authenticator.empty()) add_token(root, target, authenticator);
  return target;
}

}  // namespace

Result<std::vector<ConfigTarget>> config_targets(const std::vector<std::string>& sources) {
  ConfigWarnings warnings;
  const Result<ConfigNode> root =
      load_effective_config(sources, process_environment(), known_components(), {}, warnings);
  if (!root) return std::unexpected(root.error());
  const std::vector<PipelineView> pipelines = pipelines_of(*root);
  std::vector<ConfigTarget> targets;
  for (const ComponentView& exporter : components_of(*root, "exporters")) {
    const bool is_otlp = exporter.type == "otlp_grpc" || exporter.type == "otlp_http";
    const bool is_used = std::ranges::any_of(pipelines, [&exporter](const PipelineView& pipeline) {
      return pipeline.exports(exporter.id);
    });
    if (is_otlp && is_used) targets.push_back(target_of(*root, exporter));
  }
  if (targets.empty()) return permanent("no pipeline has an exporter that speaks OTLP");
  return targets;
}

}  // namespace kernspan::tools
