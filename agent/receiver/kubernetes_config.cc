#include "agent/receiver/kubernetes_config.h"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace kernspan {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";
constexpr const char* kServiceAccountFolder = "var/run/secrets/kubernetes.io/serviceaccount";

void read_wait_ns(ConfigReader& reader, std::string_view key, std::uint64_t* value_ns,
                  nanoseconds max) {
  nanoseconds value(static_cast<nanoseconds::rep>(*value_ns));
  reader.duration(key, &value, nanoseconds(0), max);
  *value_ns = static_cast<std::uint64_t>(value.count());
}

// A key that ends in '*' asks for all with that beginning.
void keep_annotations(const std::vector<std::string>& patterns, kube::PodFields* fields) {
  for (const std::string& pattern : patterns) {
    if (pattern.ends_with('*')) {
      fields->annotation_prefixes.push_back(pattern.substr(0, pattern.size() - 1));
    } else {
      fields->annotations.push_back(pattern);
    }
  }
}

void check_endpoint(ConfigReader& reader, const KubernetesConfig& config) {
  const bool is_http = config.endpoint.starts_with(kHttp);
  if (is_http && config.auth != KubeletAuth::kNone) {
    reader.error("endpoint",
                 "credentials are not sent without TLS: use https://, or auth_type: none for the "
                 "read-only port");
  }
  const std::string_view rest = std::string_view(config.endpoint)
                                    .substr(is_http                               ? kHttp.size()
                                            : config.endpoint.starts_with(kHttps) ? kHttps.size()
                                                                                  : 0);
  if (rest.contains('/') || rest.contains('@')) {
    reader.error("endpoint", "must be host:port, with http:// or https:// before it or without");
  }
}

// "host:port", "host", ":port", "[::1]:port", "::1".
std::pair<std::string, std::string> split_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  const bool is_bare_ipv6 = address.find(':') != colon && !address.starts_with('[');
  if (colon == std::string::npos || is_bare_ipv6 || address.ends_with(']')) return {address, {}};
  return {address.substr(0, colon), address.substr(colon + 1)};
}

}  // namespace

void read_kubernetes_config(ConfigReader& reader, KubernetesConfig* config) {
  config->enabled = true;
  reader.choice<KubeletAuth>("auth_type", &config->auth,
                             {{"serviceAccount", KubeletAuth::kServiceAccount},
                              {"tls", KubeletAuth::kTls},
                              {"none", KubeletAuth::kNone}});
  reader.string("endpoint", &config->endpoint);
  reader.string("token_file", &config->token_file);
  reader.string("ca_file", &config->ca_file);
  kube::KubeletSettings& kubelet = config->kubelet;
  reader.string("cert_file", &kubelet.access.certificate_file);
  reader.string("key_file", &kubelet.access.key_file);
  reader.boolean("insecure_skip_verify", &kubelet.access.skip_verify);
  reader.duration("collection_interval", &kubelet.interval, seconds(1), hours(1));
  reader.duration("timeout", &kubelet.timeout, milliseconds(100), minutes(1));
  std::uint64_t body_bytes = kubelet.body_bytes_max;
  reader.bytes("max_response_size", &body_bytes, 64u << 10, 1u << 30);
  kubelet.body_bytes_max = body_bytes;
  reader.integer<std::size_t>("max_pods", &kubelet.pods_max, 1, 100'000);
  config->directory.pods_max = kubelet.pods_max;
  read_wait_ns(reader, "retention", &config->directory.retention_ns, hours(24));
  read_wait_ns(reader, "enrichment_wait", &config->enrichment.wait_ns, minutes(1));

  reader.boolean("peers", &config->peers);

  process::PodAttributeOptions& attributes = config->attributes;
  ConfigReader& extract = reader.section("extract");
  extract.string_list("labels", &attributes.labels);
  extract.string_list("annotations", &attributes.annotations);
  extract.boolean("otel_annotations", &attributes.otel_annotations);
  extract.boolean("use_labels_for_resource_attributes",
                  &attributes.use_labels_for_resource_attributes);
  keep_annotations(attributes.annotations, &kubelet.fields);

  check_endpoint(reader, *config);
  if (config->auth == KubeletAuth::kTls &&
      (kubelet.access.certificate_file.empty() || kubelet.access.key_file.empty())) {
    reader.error("auth_type", "tls needs cert_file and key_file");
  }
}

kube::ApiAccess kubelet_access(const KubernetesConfig& config, const kube::AccessSources& sources,
                               const std::string& host_name) {
  kube::ApiAccess access = config.kubelet.access;
  const bool is_plain = config.endpoint.starts_with(kHttp) ||
                        (config.auth == KubeletAuth::kNone && !config.endpoint.starts_with(kHttps));
  std::string address = config.endpoint;
  if (address.starts_with(kHttps)) address.erase(0, kHttps.size());
  if (address.starts_with(kHttp)) address.erase(0, kHttp.size());
  auto [host, port] = split_port(address);
  if (port.empty()) port = is_plain ? "10255" : "10250";
  if (host.empty()) host = sources.environment("K8S_NODE_IP").value_or("");
  if (host.empty()) host = node_name(sources);
  if (host.empty()) host = host_name;
  if (host.contains(':') && !host.starts_with('[')) host = "[" + host + "]";
  access.url = fmt::format("{}{}:{}", is_plain ? kHttp : kHttps, host, port);

  const std::filesystem::path folder = sources.root / kServiceAccountFolder;
  if (config.auth == KubeletAuth::kServiceAccount) {
    access.token_file = config.token_file.empty() ? (folder / "token").string() : config.token_file;
  }
  access.ca_file = config.ca_file;
  std::error_code error;
  if (access.ca_file.empty() && std::filesystem::exists(folder / "ca.crt", error)) {
    access.ca_file = folder / "ca.crt";
  }
  return access;
}

std::string node_name(const kube::AccessSources& sources) {
  return sources.environment("K8S_NODE_NAME").value_or("");
}

}  // namespace kernspan
