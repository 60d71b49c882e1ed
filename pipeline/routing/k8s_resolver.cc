// Shape: kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1.
#include "pipeline/routing/k8s_resolver.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace kernspan {
namespace {

using nlohmann::json;

// 100 endpoints each is how Kubernetes cuts them.
constexpr std::size_t kMaxSlices = 1000;

std::string string_in(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

const json& member(const json& object, const char* key) {
  static const json nothing;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() ? *found : nothing;
}

// Not known counts as ready, as Kubernetes says.
bool is_ready(const json& endpoint) {
  const json& ready = member(member(endpoint, "conditions"), "ready");
  return !ready.is_boolean() || ready.get<bool>();
}

std::string bracketed(const std::string& address) {
  return address.contains(':') ? "[" + address + "]" : address;
}

}  // namespace

K8sResolver::K8sResolver(K8sResolverSettings settings, const ResolverContext& context,
                         kube::AccessSources sources)
    : settings_(std::move(settings)),
      path_(context.path),
      metrics_(context.metrics),
      sources_(std::move(sources)),
      endpoints_(context, "k8s") {}

K8sResolver::~K8sResolver() {
  stop();
}

Status K8sResolver::start(OnChange on_change) {
  auto access = kube::default_access(sources_);
  if (!access) return permanent(path_ + ": resolver::k8s: " + access.error().message);
  if (settings_.service_namespace.empty()) {
    settings_.service_namespace = access->own_namespace.empty() ? "default" : access->own_namespace;
  }
  endpoints_.on_change(std::move(on_change));
  watch_ = std::make_unique<kube::ListWatch>(
      kube::ListWatchSettings{
          .owner = path_,
          .path = fmt::format("/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
                              settings_.service_namespace),
          .query = "labelSelector=" +
                   kube::url_encoded("kubernetes.io/service-name=" + settings_.service),
          .list_timeout = settings_.timeout},
      *std::move(access), static_cast<kube::WatchHandler&>(*this), metrics_);
  watch_->start();
  return {};
}

void K8sResolver::stop() {
  watch_.reset();
}

void K8sResolver::on_list_begin() {
  in_list_ = true;
  listed_.clear();
}

void K8sResolver::on_object(const json& slice) {
  Slices& slices = in_list_ ? listed_ : slices_;
  const std::string name = string_in(member(slice, "metadata"), "name");
  if (slices.size() >= kMaxSlices && !slices.contains(name)) {
    endpoints_.failed("the service has more than 1000 EndpointSlices");
    return;
  }
  slices[name] = endpoints_of(slice);
  if (!in_list_) publish();
}

void K8sResolver::on_deleted(const json& slice) {
  slices_.erase(string_in(member(slice, "metadata"), "name"));
  publish();
}

void K8sResolver::on_list_end() {
  in_list_ = false;
  slices_ = std::exchange(listed_, {});
  publish();
}

void K8sResolver::on_failure(const std::string& message) {
  endpoints_.failed(message);
}

std::vector<std::string> K8sResolver::endpoints_of(const json& slice) {
  std::vector<std::string> endpoints;
  const auto add = [&](const std::string& host) {
    if (settings_.ports.empty()) endpoints.push_back(host);
    for (const std::uint16_t port : settings_.ports) {
      endpoints.push_back(fmt::format("{}:{}", host, port));
    }
  };
  const json& listed = member(slice, "endpoints");
  if (!listed.is_array()) return endpoints;  // null when there are none
  for (const json& endpoint : listed) {
    if (!is_ready(endpoint)) continue;
    const std::string hostname = string_in(endpoint, "hostname");
    if (settings_.return_hostnames) {
      if (hostname.empty()) {
        // Comes with a later event, if the service is headless and its pods are a StatefulSet's.
        endpoints_.failed("an endpoint has no hostname");
      } else {
        add(fmt::format("{}.{}.{}", hostname, settings_.service, settings_.service_namespace));
      }
      continue;
    }
    const json& addresses = member(endpoint, "addresses");
    if (!addresses.is_array()) continue;
    for (const json& address : addresses) {
      if (address.is_string()) add(bracketed(address.get<std::string>()));
    }
  }
  return endpoints;
}

void K8sResolver::publish() {
  std::vector<std::string> all;
  for (const auto& [name, endpoints] : slices_)
    all.insert(all.end(), endpoints.begin(), endpoints.end());
  endpoints_.resolved(std::move(all));
}

}  // namespace kernspan
