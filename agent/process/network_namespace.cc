#include "agent/process/network_namespace.h"

#include <sys/stat.h>

#include <cerrno>

namespace kernspan::process {

std::expected<NetworkNamespace, int> network_namespace(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return std::unexpected(errno);
  return NetworkNamespace{.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace kernspan::process
