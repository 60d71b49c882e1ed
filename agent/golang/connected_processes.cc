#include "agent/golang/connected_processes.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "agent/golang/descriptor.h"
#include "agent/process/go_build_info.h"

namespace kernspan::golang {
namespace {

namespace fs = std::filesystem;

// Of one process, and of one network namespace: enough to find one connection of any usual program.
constexpr std::size_t kDescriptorsMax = 65536;
constexpr std::size_t kConnectionsMax = 1 << 20;

using Inodes = std::set<std::uint64_t>;

std::optional<std::uint64_t> number_in(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end != text.data() ? std::optional(number) : std::nullopt;
}

// The sockets' inodes in /proc/PID/net/tcp: the fourth field is the state, the tenth the inode.
void add_established(const fs::path& table, Inodes& inodes) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);  // the titles
  while (inodes.size() < kConnectionsMax && std::getline(file, line)) {
    std::size_t at = 0;
    std::string_view state, inode;
    for (int field = 1; field <= 10; ++field) {
      const std::size_t begin = line.find_first_not_of(' ', at);
      if (begin == std::string::npos) break;
      at = std::min(line.find(' ', begin), line.size());
      const std::string_view text = std::string_view(line).substr(begin, at - begin);
      if (field == 4) state = text;
      if (field == 10) inode = text;
    }
    const auto number = number_in(inode, "");
    if (state == "01" && number) inodes.insert(*number);
  }
}

std::string link_of(const fs::path& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

// The sockets that a process has open, until `take` says that it is enough.
template <typename Take>
void for_each_socket(const fs::path& process, Take take) {
  std::error_code error;
  std::size_t seen = 0;
  for (fs::directory_iterator at(process / "fd", error), end; !error && at != end;
       at.increment(error)) {
    if (++seen > kDescriptorsMax) return;
    const auto inode = number_in(link_of(at->path()), "socket:[");
    if (inode && !take(*inode)) return;
  }
}

const Inodes& established_in(const fs::path& process, std::map<std::string, Inodes>& by_namespace) {
  const auto [place, is_new] = by_namespace.try_emplace(link_of(process / "ns" / "net"));
  if (is_new) {
    add_established(process / "net" / "tcp", place->second);
    add_established(process / "net" / "tcp6", place->second);
  }
  return place->second;
}

bool is_go(const fs::path& process) {
  const Descriptor file((process / "exe").string());
  return file.get() >= 0 && process::read_go_build_info(file.get()).is_go;
}

}  // namespace

std::vector<ConnectedProcess> connected_processes(
    const std::string& proc_root, const std::function<bool(const fs::path& process)>& is_candidate,
    std::size_t sockets_max) {
  std::vector<ConnectedProcess> found;
  std::map<std::string, Inodes> by_namespace;
  std::error_code error;
  for (fs::directory_iterator at(proc_root, error), end; !error && at != end; at.increment(error)) {
    const auto tgid = number_in(at->path().filename().string(), "");
    if (!tgid || !is_candidate(at->path())) continue;
    const Inodes& established = established_in(at->path(), by_namespace);
    ConnectedProcess process{.tgid = static_cast<std::uint32_t>(*tgid), .sockets = {}};
    for_each_socket(at->path(), [&](std::uint64_t inode) {
      if (established.contains(inode)) process.sockets.push_back(inode);
      return process.sockets.size() < sockets_max;
    });
    if (!process.sockets.empty()) found.push_back(std::move(process));
  }
  return found;
}

bool has_socket(const std::string& proc_root, std::uint32_t tgid,
                const std::vector<std::uint64_t>& sockets) {
  const std::set<std::uint64_t> wanted(sockets.begin(), sockets.end());
  bool found = false;
  for_each_socket(fs::path(proc_root) / std::to_string(tgid), [&](std::uint64_t inode) {
    found = wanted.contains(inode);
    return !found;
  });
  return found;
}

std::vector<std::uint32_t> connected_go_processes(const std::string& proc_root) {
  std::vector<std::uint32_t> found;
  for (const ConnectedProcess& process : connected_processes(proc_root, is_go, 1)) {
    found.push_back(process.tgid);
  }
  return found;
}

}  // namespace kernspan::golang
