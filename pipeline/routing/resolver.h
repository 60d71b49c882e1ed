// Where the peers of a tier are: a fixed list, the addresses of a DNS name, or the endpoints of a
// Kubernetes service.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {

// Upstream's port where an endpoint has none.
inline constexpr const char* kDefaultPeerPort = "4317";

// "host" becomes "host:4317"; what has a port, or is an IPv6 address with one, stays.
std::string endpoint_with_port(const std::string& endpoint);

// Whoever is beyond this many is left out, with a line in the log.
inline constexpr std::size_t kMaxEndpoints = 10'000;

class Resolver {
 public:
  // All endpoints of the moment, sorted, each once: "10.0.0.1:4317", "[fd00::1]:4317", and without a
  // port where the configuration has none. Called only when the set has changed, one call at a time,
  // from the resolver's thread; also with an empty set, when Kubernetes says that no endpoint is
  // ready. A resolution that fails keeps the set as it is, and is counted.
  using OnChange = std::function<void(const std::vector<std::string>& endpoints)>;

  virtual ~Resolver() = default;

  // Does not wait for the first answer, which a static resolver gives from within. Called once.
  virtual Status start(OnChange on_change) = 0;
  // No call of on_change is under way, or comes, after it. Idempotent; not from within on_change.
  virtual void stop() = 0;
};

struct StaticResolverSettings {
  std::vector<std::string> hostnames;
};

struct DnsResolverSettings {
  std::string hostname;
  std::string port = {};  // empty: none is added
  std::chrono::nanoseconds interval = std::chrono::seconds{5};
  std::chrono::nanoseconds timeout = std::chrono::seconds{1};
  std::string server = {};  // "host:port" of a DNS server; empty: the system's
};

struct K8sResolverSettings {
  std::string service;                    // name
  std::string service_namespace;          // empty: that of this pod, else "default"
  std::vector<std::uint16_t> ports = {};  // of each address; empty: none is added
  std::chrono::nanoseconds timeout = std::chrono::seconds{1};
  bool return_hostnames = false;  // "pod-0.service.namespace" in place of addresses
};

// One of these.
struct ResolverSettings {
  enum class Kind { kNone, kStatic, kDns, kK8s };

  Kind kind = Kind::kNone;
  StaticResolverSettings fixed = {};
  DnsResolverSettings dns = {};
  K8sResolverSettings k8s = {};
};

// Reads `resolver: {static: {hostnames}} | {dns: {hostname, port, interval, timeout}} | {k8s:
// {service, ports, timeout, return_hostnames}}` with upstream's rules: exactly one of them. Problems
// go to the reader.
void read_resolver(ConfigReader& resolver, ResolverSettings* settings);

// What a resolver gets of the component that has it; all of it outlives the resolver.
struct ResolverContext {
  std::string path;  // how messages call the component
  Metrics& metrics;
  MetricLabels labels;  // of otelcol_loadbalancer_*, beside `resolver`: {{"exporter", id}}
};

std::unique_ptr<Resolver> make_resolver(const ResolverSettings& settings,
                                        const ResolverContext& context);

}  // namespace kernspan
