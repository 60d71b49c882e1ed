#pragma once

#include <sys/types.h>

#include <expected>
#include <string>

namespace kernspan::process {

// What tells a network namespace from all others, as long as it is there.
struct NetworkNamespace {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const NetworkNamespace&) const = default;
};

// That of a file which stands for one (/proc/<pid>/ns/net, /run/netns/<name>: namespaces(7)), or the
// errno.
std::expected<NetworkNamespace, int> network_namespace(const std::string& path);

}  // namespace kernspan::process
