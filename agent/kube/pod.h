// A pod as the agent keeps it: what spans are given, and what selectors look at.
// Spec: kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernspan::kube {

enum class ContainerKind : std::uint8_t {
  kRegular,
  kInit,  // restartable ones ("sidecars") too
  kEphemeral,
};

// One start of a container. Restarts have ids of their own, and the kubelet names the last two.
struct ContainerRun {
  std::string id = {};  // without "containerd://"
  std::uint32_t restart_count = 0;

  bool operator==(const ContainerRun&) const = default;
};

struct Container {
  std::string name = {};
  ContainerKind kind = ContainerKind::kRegular;
  std::string image_name = {};  // "registry.example.com/shop/cart", without tag and digest
  std::vector<std::string> image_tags = {};
  std::string image_digest = {};        // that the manifest asks for: "sha256:..."; mostly empty
  std::string image_repo_digest = {};   // that was pulled: "name@sha256:..."; may be empty
  std::string runtime = {};             // "containerd", "cri-o", "docker"; empty until it has an id
  std::vector<ContainerRun> runs = {};  // newest first; empty until the first start
  // Of the manifest's environment, where they are literal. Nothing else of it is kept.
  std::string otel_service_name = {};
  std::string otel_resource_attributes = {};

  bool operator==(const Container&) const = default;
};

// A controller: "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Node" (of a static pod), or a
// kind of somebody's own.
struct Owner {
  std::string kind = {};  // empty: there is none
  std::string name = {};
  std::string uid = {};  // empty: not known

  bool operator==(const Owner&) const = default;
};

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Pod {
  std::string uid = {};
  std::string name = {};
  std::string namespace_name = {};
  std::string node_name = {};
  std::string start_time = {};        // status.startTime, as it came: RFC 3339
  std::vector<std::string> ips = {};  // of a host-network pod they are the node's
  bool host_network = false;
  bool is_finished = false;      // succeeded or failed: its IP may be another pod's by now
  bool is_static = false;        // from a manifest on the node, or the mirror of such a pod
  std::string config_hash = {};  // what cgroups of a static pod call it; else empty
  Owner owner = {};              // the controller
  // What the owner is of: a Deployment (pod-template-hash rule) or a CronJob (scheduled-time rule);
  // else the owner itself. The name is derived, so that the uid of a Deployment or CronJob is not
  // known.
  Owner top_owner = {};
  Pairs labels = {};       // sorted by key
  Pairs annotations = {};  // sorted by key; those that PodFields keeps
  std::vector<Container> containers = {};

  // Null when there is none. Valid for the life of the pod.
  const std::string* label(std::string_view key) const;
  const std::string* annotation(std::string_view key) const;

  bool operator==(const Pod&) const = default;
};

// Never changes: a pod that has changed is another object.
using PodPtr = std::shared_ptr<const Pod>;

// Which annotations are kept whatever their size, up to 4 KiB. Of the others the short ones are, so
// that selectors may ask for them at any time, but not those that hold whole manifests. All labels
// are kept.
struct PodFields {
  static constexpr std::size_t kShortValueBytes = 256;

  std::vector<std::string> annotations = {};  // keys
  std::vector<std::string> annotation_prefixes = {"resource.opentelemetry.io/", "kernspan.io/"};
};

}  // namespace kernspan::kube
