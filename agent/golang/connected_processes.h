#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kernspan::golang {

// The Go programs that have an established TCP connection now, by process id: those whose connections are
// older than the agent. Looks at every process of the node once: milliseconds for each hundred.
std::vector<std::uint32_t> connected_go_processes(const std::string& proc_root);

}  // namespace kernspan::golang
