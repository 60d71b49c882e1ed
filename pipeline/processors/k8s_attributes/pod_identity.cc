#include "pipeline/processors/k8s_attributes/pod_identity.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "pipeline/otlp/attribute_view.h"

namespace kernspan {
namespace {

const AssociationSource kConnection{.is_connection = true, .name = ""};

void append(std::string& identity, const AssociationSource& source, std::string_view value) {
  identity += source.is_connection ? "\x1d" : source.name;
  identity += '\x1f';
  identity += value;
  identity += '\x1e';
}

std::string single(const AssociationSource& source, std::string_view value) {
  std::string identity;
  append(identity, source, value);
  return identity;
}

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

// Empty: the pod has none, or shares it with others.
std::string value_of_pod(const AssociationSource& source, const KubePod& pod) {
  // Pods in the host's network have their node's address.
  const std::string ip = pod.host_network ? "" : pod.ip;
  if (source.is_connection || source.name == "k8s.pod.ip" || source.name == "host.name") return ip;
  if (source.name == "k8s.namespace.name") return pod.namespace_name;
  if (source.name == "k8s.pod.name") return pod.name;
  if (source.name == "k8s.pod.uid") return pod.uid;
  const auto found =
      std::ranges::find(pod.attributes, source.name, &EncodedAttributes::value_type::first);
  if (found == pod.attributes.end()) return "";
  return std::string(otlp::ValueView(found->second).as_string());
}

}  // namespace

ResourceIdentity identity_of_resource(const std::vector<Association>& associations,
                                      const ResourceText& attribute,
                                      const std::function<std::string()>& connection) {
  if (associations.empty()) {
    std::string ip = attribute("k8s.pod.ip");
    if (ip.empty()) ip = attribute("ip");
    if (ip.empty()) ip = connection();
    if (ip.empty() && is_address(attribute("host.name"))) ip = attribute("host.name");
    return ip.empty() ? ResourceIdentity() : ResourceIdentity{single(kConnection, ip), ip};
  }
  for (const Association& association : associations) {
    ResourceIdentity identity;
    bool is_whole = true;
    for (const AssociationSource& source : association) {
      const std::string value = source.is_connection ? connection() : attribute(source.name);
      is_whole = !value.empty() && (source.name != "host.name" || is_address(value));
      if (!is_whole) break;
      if (source.is_connection) identity.connection_ip = value;
      append(identity.text, source, value);
    }
    if (is_whole) return identity;
  }
  return {};
}

std::vector<std::string> identities_of_pod(const std::vector<Association>& associations,
                                           const KubePod& pod) {
  std::vector<std::string> identities;
  for (const Association& association : associations) {
    std::vector<std::string> texts = {""};
    for (const AssociationSource& source : association) {
      std::vector<std::string> values;
      if (!source.is_connection && source.name == "container.id") {
        for (const KubeContainer& container : pod.containers) {
          values.insert(values.end(), container.ids.begin(), container.ids.end());
        }
      } else if (std::string value = value_of_pod(source, pod); !value.empty()) {
        values.push_back(std::move(value));
      }
      std::vector<std::string> longer;
      for (const std::string& text : texts) {
        for (const std::string& value : values) {
          longer.push_back(text);
          append(longer.back(), source, value);
        }
      }
      texts = std::move(longer);
    }
    std::ranges::move(texts, std::back_inserter(identities));
  }
  // Upstream always knows these.
  if (!pod.uid.empty()) identities.push_back(single({false, "k8s.pod.uid"}, pod.uid));
  if (!pod.ip.empty() && !pod.host_network) {
    identities.push_back(single(kConnection, pod.ip));
    identities.push_back(single({false, "k8s.pod.ip"}, pod.ip));
  }
  std::ranges::sort(identities);
  const auto repeated = std::ranges::unique(identities);
  identities.erase(repeated.begin(), repeated.end());
  return identities;
}

}  // namespace kernspan
