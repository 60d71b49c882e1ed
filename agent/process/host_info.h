// The node: the host.* and os.* part of every resource.
#pragma once

#include <string>

namespace kernspan::process {

struct HostInfo {
  std::string name;            // host.name
  std::string id;              // host.id: /etc/machine-id; empty when there is none
  std::string arch;            // host.arch as the semantic conventions spell it: amd64, arm64, ...
  std::string os_description;  // os.description: PRETTY_NAME of os-release
  std::string boot_id;         // not exported; makes instance ids differ between boots
};

// Where to look. In a container these point at the node's files.
struct HostPaths {
  std::string machine_id = "/etc/machine-id";
  std::string os_release = "/etc/os-release";
  std::string boot_id = "/proc/sys/kernel/random/boot_id";
  std::string name =
      {};  // empty: ask the kernel (a container's own name unless it shares the node's)
};

// What cannot be read stays empty.
HostInfo read_host_info(const HostPaths& paths = {});

}  // namespace kernspan::process
