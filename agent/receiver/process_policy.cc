#include "agent/receiver/process_policy.h"

#include <fnmatch.h>

#include <algorithm>

namespace kernspan {

bool ProcessPolicy::traces(std::string_view executable_name) const {
  const std::string name(executable_name);
  const auto matches = [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
  };
  // Kernspan's own programs: tracing what carries traces would never end.
  if (name.starts_with("kernspan-")) return false;
  if (std::ranges::any_of(exclude_executables, matches)) return false;
  return include_executables.empty() || std::ranges::any_of(include_executables, matches);
}

bool ProcessPolicy::traces(std::uint32_t tgid, std::string_view executable_name) const {
  if (!traces(executable_name)) return false;
  if (network_namespaces.empty()) return true;
  const auto own = process::network_namespace(proc_root + "/" + std::to_string(tgid) + "/ns/net");
  return own && std::ranges::find(network_namespaces, *own) != network_namespaces.end();
}

}  // namespace kernspan
