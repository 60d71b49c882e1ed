#include "agent/kube/cgroup_containers.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

namespace kernspan::kube {
namespace {

constexpr std::size_t kCgroupsMin = 64;
constexpr std::size_t kContainersMin = 64;
// What the kernel side looks at: bpf/cgroup.bpf.h.
constexpr std::array<std::string_view, 4> kControllers = {"memory", "pids", "cpu", "devices"};
// kubepods, class, pod, container, and that again inside a node that is a container, with room.
constexpr std::size_t kDepthMax = 32;
// Longer lines are no mounts of cgroups.
constexpr std::size_t kLineBytesMax = 8192;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// By controller: the numbers of /proc/cgroups, "name <tab> hierarchy <tab> cgroups <tab> enabled". 0 (on
// no v1 hierarchy) is left out.
std::unordered_map<std::string, std::uint32_t> hierarchy_numbers(const std::string& path) {
  std::unordered_map<std::string, std::uint32_t> numbers;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto fields = split(line, '\t');
    if (fields.size() < 2 || line.starts_with('#')) continue;
    std::uint32_t number = 0;
    const char* end = fields[1].data() + fields[1].size();
    if (std::from_chars(fields[1].data(), end, number).ptr == end && number != 0) {
      numbers.emplace(fields[0], number);
    }
  }
  return numbers;
}

struct DirectoryCloser {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

Directory open_directory(int parent, const char* name) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return nullptr;
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) close(fd);
  return Directory(directory);
}

}  // namespace

CgroupContainers::CgroupContainers(Settings settings, Clock clock)
    : settings_(std::move(settings)), clock_(std::move(clock)) {
  settings_.max_cgroups = std::max(settings_.max_cgroups, kCgroupsMin);
  settings_.max_containers = std::max(settings_.max_containers, kContainersMin);
}

void CgroupContainers::learn(CgroupId cgroup, std::string_view path) {
  if (cgroup.id == 0) return;
  ++counters_.learnt;
  if (insert(cgroup, path)) return;
  forget();
  walked_ns_ = 0;
  insert(cgroup, path);
}

// Most are of containers that are gone; a walk finds the others.
void CgroupContainers::forget() {
  counters_.forgotten += containers_.size();
  containers_.clear();
  refs_.clear();
}

// Null: there is no room for another one.
const ContainerRef* CgroupContainers::shared(ContainerRef&& ref) {
  static const ContainerRef kNone;
  if (ref.empty()) return &kNone;
  if (refs_.size() < settings_.max_containers) return &*refs_.insert(std::move(ref)).first;
  const auto known = refs_.find(ref);
  return known == refs_.end() ? nullptr : &*known;
}

// False: there is no room.
bool CgroupContainers::insert(CgroupId cgroup, std::string_view path) {
  if (containers_.size() >= settings_.max_cgroups && !containers_.contains(cgroup)) return false;
  const ContainerRef* container = shared(container_of_path(path));
  if (container == nullptr) return false;
  containers_.insert_or_assign(cgroup, container);
  return true;
}

const ContainerRef* CgroupContainers::find(CgroupId cgroup) {
  if (cgroup.id == 0) return nullptr;
  auto found = containers_.find(cgroup);
  if (found == containers_.end()) {
    const std::uint64_t now_ns = clock_();
    if (walked_ns_ == 0 || now_ns - walked_ns_ >= settings_.walk_interval_ns) {
      walked_ns_ = std::max<std::uint64_t>(now_ns, 1);
      if (containers_.size() > settings_.max_cgroups / 2 ||
          refs_.size() > settings_.max_containers / 2) {
        forget();
      }
      walk();
      found = containers_.find(cgroup);
    }
  }
  if (found != containers_.end()) return found->second;
  ++counters_.unknown;
  return nullptr;
}

// The mounts that a process sees, of each hierarchy the first one that shows most of it. Format:
// proc(5), mountinfo: "id parent device root mountpoint options [fields] - type source options".
std::vector<CgroupContainers::Hierarchy> CgroupContainers::hierarchies(
    std::string_view process) const {
  const std::string base = settings_.proc_root + "/" + std::string(process);
  const auto numbers = hierarchy_numbers(settings_.proc_root + "/cgroups");
  std::vector<Hierarchy> found;
  std::ifstream file(base + "/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.size() > kLineBytesMax) continue;
    const std::size_t dash = line.find(" - cgroup");
    if (dash == std::string::npos) continue;
    const auto place = split(std::string_view(line).substr(0, dash), ' ');
    const auto kind = split(std::string_view(line).substr(dash + 3), ' ');
    if (place.size() < 5 || kind.size() < 3) continue;
    std::optional<std::uint32_t> number;
    if (kind[0] == "cgroup2") number = 0;
    for (const std::string_view option : split(kind.back(), ',')) {
      if (std::ranges::find(kControllers, option) == kControllers.end()) continue;
      const auto controller = numbers.find(std::string(option));
      if (controller != numbers.end()) number = controller->second;
    }
    if (!number) continue;
    Hierarchy hierarchy{*number, base + "/root" + std::string(place[4]), std::string(place[3])};
    const auto known = std::ranges::find(found, *number, &Hierarchy::number);
    if (known == found.end()) {
      found.push_back(std::move(hierarchy));
    } else if (hierarchy.root == "/" && known->root != "/") {
      *known = std::move(hierarchy);
    }
  }
  return found;
}

// As the node's first process sees them: the agent's own mounts may show its own cgroup only. These are
// what is left where it may not look through that process's root.
void CgroupContainers::walk() {
  ++counters_.walks;
  for (const std::string_view process : {"1", "self"}) {
    bool is_any = false;
    for (const Hierarchy& hierarchy : hierarchies(process)) is_any |= walk(hierarchy);
    if (is_any) return;
  }
  ++counters_.walks_blind;
}

// False: not to be read.
bool CgroupContainers::walk(const Hierarchy& hierarchy) {
  struct Level {
    Directory directory;
    std::size_t path_bytes;
  };
  // A cgroup is entered through its parent's descriptor: one that goes meanwhile is left out.
  std::vector<Level> levels;
  std::string path = hierarchy.root == "/" ? "" : hierarchy.root;
  // The mount point itself may be reached through links.
  const int top = open(hierarchy.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (top < 0) return false;
  struct stat status{};
  const bool is_known = fstat(top, &status) == 0;
  Directory directory(fdopendir(top));
  if (!directory) {
    close(top);
    return false;
  }
  if (is_known) insert({hierarchy.number, status.st_ino}, path);
  levels.push_back({std::move(directory), path.size()});
  while (!levels.empty()) {
    path.resize(levels.back().path_bytes);
    const dirent* entry = readdir(levels.back().directory.get());
    if (entry == nullptr) {
      levels.pop_back();
      continue;
    }
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    path.append("/").append(entry->d_name);
    if (levels.size() == kDepthMax || !insert({hierarchy.number, entry->d_ino}, path)) {
      ++counters_.walks_cut;
      continue;
    }
    Directory below = open_directory(dirfd(levels.back().directory.get()), entry->d_name);
    if (below) levels.push_back({std::move(below), path.size()});
  }
  return true;
}

}  // namespace kernspan::kube
