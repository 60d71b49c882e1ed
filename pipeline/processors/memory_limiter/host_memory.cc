// cgroup files: Documentation/admin-guide/cgroup-v2.rst (memory.max, "max" is no limit) and
// cgroup-v1/memory.rst (memory.limit_in_bytes, a huge number is no limit). proc/self/cgroup has a
// line `id:controllers:path` per hierarchy; version 2 is `0::path`.
#include "pipeline/processors/memory_limiter/host_memory.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>

namespace kernspan {
namespace {

namespace fs = std::filesystem;

std::optional<std::uint64_t> read_number(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

void keep_smaller(std::optional<std::uint64_t>& smallest, std::optional<std::uint64_t> limit) {
  if (limit && (!smallest || *limit < *smallest)) smallest = limit;
}

// The limits of a cgroup and of all that it lies in. In a container whose own cgroup is mounted as
// the root, the path may lead nowhere: then only the root is left.
std::optional<std::uint64_t> smallest_limit(const fs::path& mount, std::string_view path,
                                            const char* file) {
  std::optional<std::uint64_t> smallest;
  fs::path inner = fs::path(path).relative_path().lexically_normal();
  while (!inner.empty() && inner != ".") {
    keep_smaller(smallest, read_number(mount / inner / file));
    inner = inner.parent_path();
  }
  keep_smaller(smallest, read_number(mount / file));
  return smallest;
}

bool names_memory(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "memory") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<std::uint64_t> HostMemory::cgroup_limit() const {
  const fs::path mount = root_ / "sys/fs/cgroup";
  std::optional<std::uint64_t> smallest;
  std::ifstream groups(root_ / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    const std::string_view path = std::string_view(line).substr(second + 1);
    if (controllers.empty()) {
      keep_smaller(smallest, smallest_limit(mount, path, "memory.max"));
    } else if (names_memory(controllers)) {
      keep_smaller(smallest, smallest_limit(mount / "memory", path, "memory.limit_in_bytes"));
    }
  }
  return smallest;
}

Result<std::uint64_t> HostMemory::total_bytes() const {
  std::optional<std::uint64_t> total = cgroup_limit();
  std::ifstream meminfo(root_ / "proc/meminfo");
  std::string name;
  std::uint64_t kib = 0;
  std::string unit;
  while (meminfo >> name >> kib >> unit) {
    if (name != "MemTotal:") continue;
    keep_smaller(total, kib * 1024);
    break;
  }
  if (!total) {
    return permanent("failed to get total memory, use fixed memory settings (limit_mib): " +
                     (root_ / "proc/meminfo").string() + " cannot be read");
  }
  return *total;
}

std::optional<std::uint64_t> HostMemory::resident_bytes() const {
  std::ifstream statm(root_ / "proc/self/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return std::nullopt;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace kernspan
