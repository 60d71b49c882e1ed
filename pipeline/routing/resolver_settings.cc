#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/routing/resolver.h"

namespace kernspan {
namespace {

using std::chrono::nanoseconds;

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return is_number && port != 0 ? std::optional(port) : std::nullopt;
}

bool is_endpoint(std::string_view text) {
  if (text.empty() || text.find_first_of(" \t\r\n/") != std::string_view::npos) return false;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return true;
  return colon != 0 && port_number(text.substr(colon + 1)).has_value();
}

void read_static(ConfigReader& reader, StaticResolverSettings* settings) {
  reader.string_list("hostnames", &settings->hostnames);
  if (settings->hostnames.empty()) {
    reader.error("hostnames", "no hostnames specified: name at least one host, \"host:port\"");
  }
  for (const std::string& hostname : settings->hostnames) {
    if (!is_endpoint(hostname)) {
      reader.error("hostnames", "'" + hostname + "' is not host:port, for example gateway-1:4317");
    }
  }
}

void read_port(ConfigReader& reader, std::string* port) {
  const ConfigNode* node = reader.node("port");
  if (node == nullptr || node->is_null()) return;
  // A number or a string: both are written, and mean the same.
  *port = node->text();
  if (!node->is_scalar() || (!port->empty() && !port_number(*port))) {
    reader.error("port", "is not a port, 1 to 65535");
  }
}

void read_dns(ConfigReader& reader, DnsResolverSettings* settings) {
  const DnsResolverSettings defaults;
  reader.string("hostname", &settings->hostname);
  if (settings->hostname.empty()) {
    reader.error("hostname", "no hostname specified to resolve the backends");
  }
  read_port(reader, &settings->port);
  reader.duration("interval", &settings->interval);
  reader.duration("timeout", &settings->timeout);
  // Upstream's rule: 0 stands for the default.
  if (settings->interval == nanoseconds{0}) settings->interval = defaults.interval;
  if (settings->timeout == nanoseconds{0}) settings->timeout = defaults.timeout;
  if (reader.has("server")) reader.endpoint("server", &settings->server);
}

// A name of a Kubernetes object goes into URLs.
bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// "name", "name.namespace", and the whole name that DNS has for it.
void read_service(ConfigReader& reader, K8sResolverSettings* settings) {
  std::string text;
  reader.string("service", &text);
  if (text.empty()) {
    reader.error("service", "no service specified to resolve the backends");
    return;
  }
  std::string_view rest = text;
  const auto next_label = [&rest] {
    const std::size_t dot = rest.find('.');
    const std::string label(rest.substr(0, dot));
    rest = dot == std::string_view::npos ? "" : rest.substr(dot + 1);
    return label;
  };
  const bool has_namespace = rest.contains('.');
  settings->service = next_label();
  if (has_namespace) settings->service_namespace = next_label();
  const bool is_known_rest = rest.empty() || rest == "svc" || rest.starts_with("svc.");
  if (!is_label(settings->service) || !is_known_rest ||
      (has_namespace && !is_label(settings->service_namespace))) {
    reader.error("service", "is not the name of a service: service or service.namespace");
  }
}

void read_ports(ConfigReader& reader, std::vector<std::uint16_t>* ports) {
  const ConfigNode* node = reader.node("ports");
  if (node == nullptr || node->is_null()) return;
  const auto add = [&](const ConfigNode& item) {
    const auto port = item.is_scalar() ? port_number(item.text()) : std::nullopt;
    if (port) {
      ports->push_back(*port);
    } else {
      reader.error("ports", "must be a list of ports, 1 to 65535");
    }
  };
  if (!node->is_list()) {
    add(*node);
    return;
  }
  for (const ConfigNode& item : node->items()) add(item);
}

void read_k8s(ConfigReader& reader, K8sResolverSettings* settings) {
  read_service(reader, settings);
  read_ports(reader, &settings->ports);
  reader.duration("timeout", &settings->timeout);
  if (settings->timeout == nanoseconds{0}) settings->timeout = K8sResolverSettings().timeout;
  reader.boolean("return_hostnames", &settings->return_hostnames);
}

}  // namespace

std::string endpoint_with_port(const std::string& endpoint) {
  if (!endpoint.contains(':')) return endpoint + ":" + kDefaultPeerPort;
  // An address of IPv6 alone: its colons are no port's.
  if (endpoint.ends_with(']')) return endpoint + ":" + kDefaultPeerPort;
  return endpoint;
}

void read_resolver(ConfigReader& resolver, ResolverSettings* settings) {
  using Kind = ResolverSettings::Kind;
  int count = 0;
  if (resolver.has("static")) {
    ++count;
    settings->kind = Kind::kStatic;
    read_static(resolver.section("static"), &settings->fixed);
  }
  if (resolver.has("dns")) {
    ++count;
    settings->kind = Kind::kDns;
    read_dns(resolver.section("dns"), &settings->dns);
  }
  if (resolver.has("k8s")) {
    ++count;
    settings->kind = Kind::kK8s;
    read_k8s(resolver.section("k8s"), &settings->k8s);
  }
  if (resolver.node("aws_cloud_map") != nullptr) {
    ++count;
    resolver.error("aws_cloud_map", "is not supported: use dns with the name of the service");
  }
  const auto refuse = [&](const char* why) {
    resolver.add_problem(resolver.root().position(), resolver.path() + ": " + why);
  };
  if (count == 0) refuse("no resolvers specified: set one of static, dns and k8s");
  if (count > 1) refuse("only one resolver should be specified: keep one of static, dns and k8s");
}

}  // namespace kernspan
