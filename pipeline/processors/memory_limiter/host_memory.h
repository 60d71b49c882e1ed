#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "pipeline/base/error.h"

namespace kernspan {

// What the kernel says of memory. Any thread.
class HostMemory {
 public:
  // `root` is "/" but in tests: below it are proc/ and sys/fs/cgroup/.
  explicit HostMemory(std::filesystem::path root) : root_(std::move(root)) {}

  // What the process may use: the smallest limit of its cgroup (version 2 or 1) and of the cgroups
  // around it, or the machine's memory, whichever is less.
  Result<std::uint64_t> total_bytes() const;

  // Resident memory of this process; nothing where proc is not mounted. A few microseconds.
  std::optional<std::uint64_t> resident_bytes() const;

 private:
  std::optional<std::uint64_t> cgroup_limit() const;

  std::filesystem::path root_;
};

}  // namespace kernspan
