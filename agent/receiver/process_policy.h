#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/process/network_namespace.h"

namespace kernspan {

// Which programs are traced: by the name of their executable, with patterns of the shell (fnmatch:
// "nginx", "python3*"), and by their network namespace.
struct ProcessPolicy {
  std::vector<std::string> include_executables;  // empty: all
  std::vector<std::string> exclude_executables;

  std::vector<process::NetworkNamespace> network_namespaces;  // empty: all
  std::string proc_root = "/proc";

  // By the name alone.
  bool traces(std::string_view executable_name) const;
  // A process that is gone already is in no namespace.
  bool traces(std::uint32_t tgid, std::string_view executable_name) const;
};

}  // namespace kernspan
