#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace kernspan::golang {

struct ConnectedProcess {
  std::uint32_t tgid = 0;
  std::vector<std::uint64_t>
      sockets;  // the inodes of its established TCP connections, at most `sockets_max`
};

// The processes that have an established TCP connection now, of those for whose folder in /proc
// `is_candidate` says so. Looks at every process of the node once: milliseconds for each hundred.
std::vector<ConnectedProcess> connected_processes(
    const std::string& proc_root,
    const std::function<bool(const std::filesystem::path& process)>& is_candidate,
    std::size_t sockets_max);

// Whether the process has one of these sockets open.
bool has_socket(const std::string& proc_root, std::uint32_t tgid,
                const std::vector<std::uint64_t>& sockets);

// The Go programs that have an established TCP connection now, by process id: those whose connections are
// older than the agent.
std::vector<std::uint32_t> connected_go_processes(const std::string& proc_root);

}  // namespace kernspan::golang
