// How a resource and a pod are found to be of each other: each association of the configuration
// gives a text, made of its sources' values, on either side. Equal texts belong together.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/processors/k8s_attributes/kube_objects.h"

namespace kernspan {

struct ResourceIdentity {
  std::string text = {};           // empty: nothing is known
  std::string connection_ip = {};  // when the connection was a source
};

// A string attribute of the resource; empty when it has none.
using ResourceText = std::function<std::string(std::string_view key)>;

// By the first association all of whose sources have a value. Without associations: k8s.pod.ip, ip,
// the connection, and host.name if it is an address.
ResourceIdentity identity_of_resource(const std::vector<Association>& associations,
                                      const ResourceText& attribute,
                                      const std::function<std::string()>& connection);

// All texts that resources of this pod may have.
std::vector<std::string> identities_of_pod(const std::vector<Association>& associations,
                                           const KubePod& pod);

}  // namespace kernspan
