// Which container and pod a process is in, by the names of its cgroups: cgroups(7), and what
// kubelets and container runtimes call theirs (container_ref.cc has the table). Pure functions of any
// bytes.
#pragma once

#include <string>
#include <string_view>

namespace kernspan::kube {

enum class ContainerRuntime {
  kUnknown,  // cgroupfs drivers leave the runtime out of the path
  kContainerd,
  kCrio,
  kDocker,
  kPodman,
  kLxc,
  kGarden,
};

// As container.runtime has it: "containerd", "cri-o", "docker", "podman", ...; empty for kUnknown.
std::string_view to_string(ContainerRuntime runtime);

// All ASCII and bounded, whatever the path was.
struct ContainerRef {
  // Without the runtime's prefix; empty: not in a container, or in none that can be told.
  std::string container_id;
  // As /pods has metadata.uid: with dashes; 32 hex digits for static pods. Empty outside of pods.
  // Set without a container id for processes that are in the pod's own cgroup.
  std::string pod_uid;
  ContainerRuntime runtime = ContainerRuntime::kUnknown;

  bool operator==(const ContainerRef&) const = default;
  bool empty() const { return container_id.empty() && pod_uid.empty(); }
};

// Of one cgroup's path, from the root of its hierarchy (or of a cgroup namespace: "/../../x").
// Where containers nest, the innermost pod's container counts (what that one starts, the kubelet does
// not know); without pods the innermost container. Processes that watch a container (conmon) are in
// none.
ContainerRef container_of_path(std::string_view path);

// Of the whole of /proc/<pid>/cgroup: of all hierarchies the one that says most. A pod's container
// comes before any other container, a nested one before the one around it; of equals name=systemd
// comes first, then the controllers in their order, then v2, which runtimes leave alone on hybrid nodes.
ContainerRef container_of_proc_cgroup(std::string_view file);

}  // namespace kernspan::kube
