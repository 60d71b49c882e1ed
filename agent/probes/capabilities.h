// The Linux capabilities that the agent uses, one by one (docs/capabilities.md), and which of them this process has.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::probes {

struct CapabilityNeed {
  std::string_view name;
  unsigned number = 0;      // linux/capability.h; part of the user API
  unsigned implied_by = 0;  // whoever has this one needs not the other
  bool is_required = false;
  std::string_view use;
  std::string_view without;  // what the agent cannot do then
};

std::span<const CapabilityNeed> capability_needs();

// CapEff in the text of /proc/self/status; none if it is not there.
std::uint64_t effective_capabilities(std::string_view status);

std::vector<const CapabilityNeed*> missing_capabilities(std::uint64_t effective);

// Does the text of /proc/self/uid_map say that users are the kernel's own? In any other user namespace
// (a pod with `hostUsers: false`) capabilities say nothing to BPF.
bool is_initial_user_namespace(std::string_view uid_map);

// This process's own.
struct Privileges {
  std::uint64_t capabilities = 0;
  bool is_initial_user_namespace = true;

  static Privileges own();
};

// One line for each that is missing: "CAP_X is missing: without it ...".
std::vector<std::string> missing_privileges(const Privileges& privileges, bool required);

}  // namespace kernspan::probes
