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

bool has_connection(const fs::path& process, std::map<std::string, Inodes>& by_namespace) {
  const auto [place, is_new] = by_namespace.try_emplace(link_of(process / "ns" / "net"));
  if (is_new) {
    add_established(process / "net" / "tcp", place->second);
    add_established(process / "net" / "tcp6", place->second);
  }
  std::error_code error;
  std::size_t seen = 0;
  for (fs::directory_iterator at(process / "fd", error), end; !error && at != end;
       at.increment(error)) {
    if (++seen > kDescriptorsMax) return false;
    const auto inode = number_in(link_of(at->path()), "socket:[");
    if (inode && place->second.contains(*inode)) return true;
  }
  return false;
}

bool is_go(const fs::path& process) {
  const Descriptor file((process / "exe").string());
  return file.get() >= 0 && process::read_go_build_info(file.get()).is_go;
}

}  // namespace

std::vector<std::uint32_t> connected_go_processes(const std::string& proc_root) {
  std::vector<std::uint32_t> found;
  std::map<std::string, Inodes> by_namespace;
  std::error_code error;
  for (fs::directory_iterator at(proc_root, error), end; !error && at != end; at.increment(error)) {
    const auto tgid = number_in(at->path().filename().string(), "");
    if (!tgid || !is_go(at->path()) || !has_connection(at->path(), by_namespace)) continue;
    found.push_back(static_cast<std::uint32_t>(*tgid));
  }
  return found;
}

}  // namespace kernspan::golang
