// Ports, keys, clear text: who may read, send and see.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "pipeline/service/config_printer.h"
#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {
namespace {

// A server that a component opens.
struct Server {
  std::string path;  // "receivers::otlp::protocols::grpc"
  const ConfigNode* endpoint;
  const ConfigNode* settings;  // with its tls and auth
};

std::vector<Server> receiver_servers(const Subject& subject) {
  std::vector<Server> servers;
  for (const ComponentView* receiver : subject.used("receivers")) {
    if (const ConfigNode* endpoint = at(receiver->node, {"endpoint"})) {
      servers.push_back({receiver->path(), endpoint, receiver->node});
    }
    const ConfigNode* protocols = at(receiver->node, {"protocols"});
    if (protocols == nullptr) continue;
    for (const ConfigEntry& protocol : protocols->entries()) {
      if (const ConfigNode* endpoint = protocol.value.find("endpoint")) {
        servers.push_back({fmt::format("{}::protocols::{}", receiver->path(), protocol.key),
                           endpoint, &protocol.value});
      }
    }
  }
  return servers;
}

bool is_open(const ConfigNode* endpoint) {
  return endpoint != nullptr && endpoint->is_scalar() && endpoint->text().contains(':') &&
         is_all_interfaces(host_of(endpoint->text()));
}

bool names_authenticator(const ConfigNode& node, std::string_view id) {
  if (text_at(&node, {"auth", "authenticator"}) == id) return true;
  return std::ranges::any_of(node.entries(), [&](const ConfigEntry& entry) {
    return names_authenticator(entry.value, id);
  });
}

// Whether the exporter says that it sends in the clear.
bool is_clear(const ConfigNode* settings) {
  return flag_at(settings, {"tls", "insecure"}, false) ||
         text_at(settings, {"endpoint"}).starts_with("http://");
}

void collect_written_secrets(const ConfigNode& node, const std::string& path, bool is_secret,
                             Reporter& reporter) {
  if (node.is_scalar()) {
    if (!is_secret || node.expanded() || node.text().empty()) return;
    return reporter.add(node.position(),
                        fmt::format("{}: a secret stands in the file, and in its history", path),
                        "write ${env:NAME} or ${file:PATH}");
  }
  for (const ConfigEntry& entry : node.entries()) {
    // Of headers only those whose own name says so: the others are no secrets.
    const bool below = is_secret || (entry.key != "headers" && names_a_secret(entry.key));
    collect_written_secrets(entry.value, path + "::" + entry.key, below, reporter);
  }
  for (const ConfigNode& item : node.items()) {
    collect_written_secrets(item, path, is_secret, reporter);
  }
}

}  // namespace

void find_unused_authenticators(const Subject& subject, Reporter& reporter) {
  constexpr std::array<std::string_view, 4> kTypes = {"bearertokenauth", "basicauth", "oidc",
                                                      "oauth2client"};
  for (const ComponentView* extension : subject.used("extensions")) {
    if (std::ranges::find(kTypes, extension->type) == kTypes.end()) continue;
    const bool is_named = std::ranges::any_of(subject.components(), [&](const auto& component) {
      return component.section != "extensions" && subject.is_used(component) &&
             names_authenticator(*component.node, extension->id);
    });
    if (is_named) continue;
    reporter.add(
        extension->position,
        fmt::format("{}: no receiver and no exporter names it, so that it protects nothing: "
                    "the ports take spans from anybody",
                    extension->path()),
        fmt::format("write auth: {{authenticator: {}}} at the receiver's protocols",
                    extension->id));
  }
}

void find_http_past_mutual_tls(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* receiver : subject.used("receivers")) {
    const ConfigNode* protocols = at(receiver->node, {"protocols"});
    const ConfigNode* grpc = at(protocols, {"grpc"});
    const ConfigNode* http = at(protocols, {"http"});
    if (at(grpc, {"tls", "client_ca_file"}) == nullptr || http == nullptr) continue;
    if (at(http, {"tls", "client_ca_file"}) != nullptr) continue;
    reporter.add(http->position(),
                 fmt::format("{}: gRPC asks for a client's certificate and HTTP does not: whoever "
                             "has none uses HTTP",
                             receiver->path()),
                 "set tls::client_ca_file for http too, or remove http");
  }
}

void add_open_span_port(const std::string& path, const ConfigNode& endpoint,
                        const ConfigNode* settings, Reporter& reporter) {
  const bool knows_clients = at(settings, {"tls", "client_ca_file"}) != nullptr ||
                             at(settings, {"auth", "authenticator"}) != nullptr;
  reporter.add(knows_clients ? Severity::kInfo : Severity::kWarning, endpoint.position(),
               fmt::format("{}: {} takes spans on every interface{}", path, endpoint.shown(),
                           knows_clients ? ", from clients that prove who they are"
                                         : ", from whoever reaches it"),
               "name the pod's address (${env:POD_IP}:PORT), or ask for client certificates, and "
               "limit who may connect with a NetworkPolicy");
}

void find_open_ports(const Subject& subject, Reporter& reporter) {
  for (const auto& [path, endpoint, settings] : receiver_servers(subject)) {
    if (is_open(endpoint)) add_open_span_port(path, *endpoint, settings, reporter);
  }
  for (const ComponentView* extension : subject.used("extensions")) {
    const ConfigNode* endpoint = at(extension->node, {"endpoint"});
    if (!is_open(endpoint)) continue;
    if (extension->type == "replicas") {
      add_open_span_port(extension->path(), *endpoint, extension->node, reporter);
      continue;
    }
    const bool shows_much = extension->type == "pprof" || extension->type == "zpages";
    reporter.add(
        shows_much ? Severity::kWarning : Severity::kInfo, endpoint->position(),
        fmt::format("{}: {} answers on every interface{}", extension->path(), endpoint->shown(),
                    shows_much ? ", and shows spans or memory to whoever asks" : ""),
        shows_much ? "set endpoint: localhost:PORT, and use a port-forward"
                   : "open the port to the kubelet only");
  }
  for (const ComponentView* exporter : subject.used("exporters", "prometheus")) {
    const ConfigNode* endpoint = at(exporter->node, {"endpoint"});
    if (!is_open(endpoint)) continue;
    reporter.add(Severity::kInfo, endpoint->position(),
                 fmt::format("{}: {} shows its metrics on every interface", exporter->path(),
                             endpoint->shown()),
                 "open the port to Prometheus only");
  }
}

void find_cluster_names_outside(const Subject& subject, Reporter& reporter) {
  constexpr std::array<std::string_view, 6> kWords = {"central", "federation", "hub",
                                                      "global",  "regional",   "remote"};
  for (const ComponentView* exporter : subject.used("exporters")) {
    const ConfigNode* endpoint = at(exporter->node, {"endpoint"});
    if (endpoint == nullptr) continue;
    const std::string host = host_of(endpoint->text());
    const bool is_elsewhere =
        std::ranges::any_of(kWords, [&](std::string_view word) { return host.contains(word); });
    if (!host.contains(".svc") || !is_elsewhere) continue;
    reporter.add(
        endpoint->position(),
        fmt::format("{}: {} is a name that only its own cluster can resolve; another "
                    "cluster sends nothing, and finds out when it runs{}",
                    exporter->path(), host,
                    is_clear(exporter->node) ? "; and it would send in the clear" : ""),
        "from another cluster, use a name that it resolves (a load balancer, an ingress, a "
        "ServiceExport) and TLS; inside the same cluster this is good");
  }
}

void find_clear_text(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* exporter : subject.used("exporters")) {
    const bool is_balanced = exporter->type == "load_balancing";
    const ConfigNode* settings =
        is_balanced ? at(exporter->node, {"protocol", "otlp"}) : exporter->node;
    const std::string host = host_of(text_at(exporter->node, {"endpoint"}));
    if (!is_clear(settings) || is_loopback(host) || host.starts_with("unix")) continue;
    const ConfigNode* place = at(settings, {"tls", "insecure"});
    reporter.add(place == nullptr ? exporter->position : place->position(),
                 fmt::format("{}: spans and headers go to {} unencrypted, and nobody checks who "
                             "answers there",
                             exporter->path(), host.empty() ? "the peers" : host),
                 "set tls: {ca_file: ...}, and insecure only for this machine");
  }
}

void find_written_secrets(const Subject& subject, Reporter& reporter) {
  for (const ComponentView& component : subject.components()) {
    collect_written_secrets(*component.node, component.path(), false, reporter);
  }
}

}  // namespace kernspan::doctor
