#include "agent/probes/capabilities.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <fstream>
#include <iterator>

namespace kernspan::probes {
namespace {

constexpr unsigned kDacOverride = 1, kDacReadSearch = 2, kSysPtrace = 19, kSysAdmin = 21,
                   kPerfmon = 38, kBpf = 39;

constexpr std::array kNeeds = {
    CapabilityNeed{.name = "CAP_BPF",
                   .number = kBpf,
                   .implied_by = kSysAdmin,
                   .is_required = true,
                   .use = "loads the BPF programs and makes their maps",
                   .without = "no BPF program can be loaded"},
    CapabilityNeed{.name = "CAP_PERFMON",
                   .number = kPerfmon,
                   .implied_by = kSysAdmin,
                   .is_required = true,
                   .use = "lets BPF programs trace: read memory, attach to tracepoints and uprobes",
                   .without = "BPF programs may not trace"},
    CapabilityNeed{.name = "CAP_SYS_PTRACE",
                   .number = kSysPtrace,
                   .implied_by = kSysPtrace,
                   .use = "looks into other users' processes: executables, sockets, environments",
                   .without = "the executables of other users' processes are not known, and Go "
                              "programs are not probed"},
    CapabilityNeed{.name = "CAP_DAC_READ_SEARCH",
                   .number = kDacReadSearch,
                   .implied_by = kDacOverride,
                   .use = "reads what only its owner may: environments of other users' processes",
                   .without = "services of other users are named by their command lines alone"},
};

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::span<const CapabilityNeed> capability_needs() {
  return kNeeds;
}

std::uint64_t effective_capabilities(std::string_view status) {
  constexpr std::string_view kLabel = "\nCapEff:\t";
  const std::size_t at = status.find(kLabel);
  if (at == std::string_view::npos) return 0;
  status.remove_prefix(at + kLabel.size());
  std::uint64_t capabilities = 0;
  std::from_chars(status.data(), status.data() + status.size(), capabilities, 16);
  return capabilities;
}

std::vector<const CapabilityNeed*> missing_capabilities(std::uint64_t effective) {
  const auto has = [&](unsigned number) { return (effective >> number & 1) != 0; };
  std::vector<const CapabilityNeed*> missing;
  for (const CapabilityNeed& need : kNeeds) {
    if (!has(need.number) && !has(need.implied_by)) missing.push_back(&need);
  }
  return missing;
}

// "         0          0 4294967295": all users, each its own number.
bool is_initial_user_namespace(std::string_view uid_map) {
  std::array<std::uint64_t, 3> row{};
  for (std::uint64_t& number : row) {
    const std::size_t begin = uid_map.find_first_of("0123456789");
    if (begin == std::string_view::npos) return true;  // a kernel without user namespaces
    uid_map.remove_prefix(begin);
    const auto [end, error] =
        std::from_chars(uid_map.data(), uid_map.data() + uid_map.size(), number);
    uid_map.remove_prefix(static_cast<std::size_t>(end - uid_map.data()));
  }
  return row == std::array<std::uint64_t, 3>{0, 0, 4294967295};
}

Privileges Privileges::own() {
  return {.capabilities = effective_capabilities(text_of("/proc/self/status")),
          .is_initial_user_namespace =
              probes::is_initial_user_namespace(text_of("/proc/self/uid_map"))};
}

std::vector<std::string> missing_privileges(const Privileges& privileges, bool required) {
  std::vector<std::string> lines;
  for (const CapabilityNeed* need : missing_capabilities(privileges.capabilities)) {
    if (need->is_required != required) continue;
    lines.push_back(fmt::format("{} is missing: {}", need->name, need->without));
  }
  if (required && !privileges.is_initial_user_namespace) {
    lines.emplace_back(
        "this is not the machine's own user namespace: capabilities do not count here "
        "(a pod needs hostUsers: true, a container no --userns)");
  }
  return lines;
}

}  // namespace kernspan::probes
