// What Kubernetes adds to a process's resource.
// Spec: OpenTelemetry semantic conventions, resource/{k8s,container}; what a service is called in
// Kubernetes: non-normative/k8s-attributes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "agent/kube/pod_directory.h"
#include "agent/process/process_info.h"

namespace kernspan::process {

struct Attribute {
  std::string key;
  std::variant<std::string, std::int64_t, std::vector<std::string>> value;

  bool operator==(const Attribute&) const = default;
};

struct PodAttributeOptions {
  // Keys that become k8s.pod.label.<key> and k8s.pod.annotation.<key>; a '*' at the end stands for
  // any end.
  std::vector<std::string> labels = {};
  std::vector<std::string> annotations = {};
  // app.kubernetes.io/instance, name and version name services. Off, as upstream: whoever set them
  // may not know of it.
  bool use_labels_for_resource_attributes = false;
  bool otel_annotations = true;  // resource.opentelemetry.io/<key>
  std::string node_name = {};    // for processes whose pod is not known
};

// Why not everything is known of a process in a pod: the value of kernspan.k8s.enrichment.
enum class Enrichment : std::uint8_t {
  kWhole,
  kNoContainer,  // the pod is known, which of its containers is not
  kNoPod,
};
inline constexpr std::string_view kEnrichmentKey = "kernspan.k8s.enrichment";
std::string_view to_string(Enrichment enrichment);  // empty, "partial", "missing"

// What the directory says of the process's container. Without a pod: what its cgroup says.
struct PodContext {
  kube::PodMatch match = {};
  Enrichment enrichment = Enrichment::kWhole;

  bool operator==(const PodContext&) const = default;
};

struct ServiceIdentity {
  std::string name;
  std::string namespace_name;
  std::string version;
  std::string instance_id;
};

// In this order: the environment, the pod's annotations, its labels (when they are to), its owner,
// the pod itself. Without a pod what the process says.
ServiceIdentity service_identity(const ProcessInfo& process, const kube::PodMatch& match,
                                 const PodAttributeOptions& options);
// Of a pod as a whole, as others see it who call it.
std::string service_name_of(const kube::Pod& pod, const PodAttributeOptions& options);
std::string service_namespace_of(const kube::Pod& pod, const PodAttributeOptions& options);

// k8s.* and container.*, in a fixed order; empty outside of containers.
std::vector<Attribute> pod_attributes(const kube::ContainerRef& container,
                                      const PodContext& context,
                                      const PodAttributeOptions& options);
// The other attributes that the pod's annotations set, without those of ServiceIdentity.
std::vector<std::pair<std::string, std::string>> annotated_attributes(
    const kube::Pod& pod, const PodAttributeOptions& options);

}  // namespace kernspan::process
