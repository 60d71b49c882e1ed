// What the parts of a cgroup's path say. Names as their makers write them:
//   kubelet      kubepods[/burstable|/besteffort]/pod<uid>                      cgroupfs driver
//                [x-]kubepods[-burstable|-besteffort]-pod<uid, - as _>.slice    systemd driver
//   containerd   <id>   cri-containerd-<id>[.scope]   nerdctl-<id>.scope   <slice>:cri-containerd:<id>
//   CRI-O        crio-<id>[.scope], with crun a "container" below; crio-conmon-<id>.scope watches it
//   Docker       docker/<id>   docker-<id>.scope   <slice>:docker:<id>
//   podman       libpod-<id>[.scope][/container]   libpod-payload-<id>; libpod-conmon-<id>.scope watches
//   LXC          lxc/<name>   lxc.payload[./]<name>; lxc.monitor.<name> watches
//   Amazon ECS   ecs/<task>/<id>   ecs/<task>/<task>-<number>                   Garden: garden/<id>
// <id>: 64 hexadecimal digits.
#include "agent/kube/container_ref.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

namespace kernspan::kube {
namespace {

constexpr std::size_t kIdDigits = 64;
constexpr std::size_t kStaticUidDigits = 32;  // an MD5: kubelet's config/common.go
// RFC 1123's limit for names, which uids and LXC's names keep to.
constexpr std::size_t kNameBytesMax = 253;

constexpr bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

constexpr bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_hex_of(std::string_view text, std::size_t digits) {
  return text.size() == digits && std::ranges::all_of(text, is_hex);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && is_alphanumeric(text.front()) &&
         std::ranges::all_of(
             text, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

// Groups of hexadecimal digits, 8-4-4-4-<last>, between separators.
bool is_grouped(std::string_view text, char separator, std::size_t last) {
  constexpr std::size_t kLastGroup = 24;
  if (text.size() != kLastGroup + last) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool separates = i == 8 || i == 13 || i == 18 || i == 23;
    if (separates ? text[i] != separator : !is_hex(text[i])) return false;
  }
  return true;
}

bool is_uuid(std::string_view text, char separator) {
  return is_grouped(text, separator, 12);
}

std::string_view without_suffix(std::string_view text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

// A uid as /pods has it, from a systemd slice's name, where a dash separates levels.
std::optional<std::string> uid_of_slice(std::string_view name) {
  if (!is_name(name)) return {};
  std::string uid(name);
  std::ranges::replace(uid, '_', '-');
  return uid;
}

// "[x-]kubepods[-class]-pod<uid>.slice"
std::optional<std::string> pod_of_slice(std::string_view segment) {
  constexpr std::string_view kSuffix = ".slice";
  constexpr std::string_view kRoot = "kubepods";
  if (!segment.ends_with(kSuffix)) return {};
  segment.remove_suffix(kSuffix.size());
  const std::size_t root = segment.find(kRoot);
  if (root == std::string_view::npos || (root != 0 && segment[root - 1] != '-')) return {};
  segment.remove_prefix(root + kRoot.size());
  for (const std::string_view quality : {"-burstable", "-besteffort", "-guaranteed"}) {
    if (segment.starts_with(quality)) {
      segment.remove_prefix(quality.size());
      break;
    }
  }
  constexpr std::string_view kPod = "-pod";
  if (!segment.starts_with(kPod)) return {};
  return uid_of_slice(segment.substr(kPod.size()));
}

// "pod<uid>". Below kubepods the uid may be anything that a static pod's manifest says; elsewhere (the
// path may begin in the middle) it must look like one.
std::optional<std::string> pod_of_directory(std::string_view segment, bool below_kubepods) {
  constexpr std::string_view kPod = "pod";
  if (!segment.starts_with(kPod)) return {};
  segment.remove_prefix(kPod.size());
  if (is_uuid(segment, '-') || is_hex_of(segment, kStaticUidDigits) ||
      (below_kubepods && is_name(segment))) {
    return std::string(segment);
  }
  if (is_uuid(segment, '_')) return uid_of_slice(segment);
  return {};
}

struct RuntimePrefix {
  std::string_view prefix;
  ContainerRuntime runtime;
};

constexpr std::array kRuntimePrefixes = {
    RuntimePrefix{"cri-containerd", ContainerRuntime::kContainerd},
    RuntimePrefix{"containerd", ContainerRuntime::kContainerd},
    RuntimePrefix{"nerdctl", ContainerRuntime::kContainerd},
    RuntimePrefix{"crio", ContainerRuntime::kCrio},
    RuntimePrefix{"docker", ContainerRuntime::kDocker},
    RuntimePrefix{"libpod", ContainerRuntime::kPodman},
    RuntimePrefix{"libpod-payload", ContainerRuntime::kPodman},
};

ContainerRuntime runtime_of_prefix(std::string_view prefix) {
  const auto found = std::ranges::find(kRuntimePrefixes, prefix, &RuntimePrefix::prefix);
  return found == kRuntimePrefixes.end() ? ContainerRuntime::kUnknown : found->runtime;
}

// What a segment is, together with those before it.
class PathReader {
 public:
  void read(std::string_view segment);

  const ContainerRef& ref() const { return ref_; }
  // How many containers and pods were passed.
  int depth() const { return depth_; }
  bool is_watcher() const { return is_watcher_; }

 private:
  void enter_pod(std::string uid);
  void enter_container(std::string_view id, ContainerRuntime runtime);
  bool read_pod(std::string_view segment);
  void read_container(std::string_view segment);
  void read_named(std::string_view segment);

  ContainerRef ref_;
  int depth_ = 0;
  bool below_kubepods_ = false;
  bool is_watcher_ = false;
  std::string_view parent_;
  std::string_view grandparent_;
};

void PathReader::enter_pod(std::string uid) {
  ref_ = {};
  ref_.pod_uid = std::move(uid);
  ++depth_;
}

void PathReader::enter_container(std::string_view id, ContainerRuntime runtime) {
  // What a pod's container starts is its own business: the kubelet knows the container.
  if (!ref_.pod_uid.empty() && !ref_.container_id.empty()) return;
  ref_.container_id = id;
  ref_.runtime = runtime;
  ++depth_;
}

bool PathReader::read_pod(std::string_view segment) {
  auto uid = pod_of_slice(segment);
  if (!uid) uid = pod_of_directory(segment, below_kubepods_ && ref_.empty());
  if (!uid) return false;
  enter_pod(*std::move(uid));
  return true;
}

void PathReader::read_container(std::string_view segment) {
  segment = without_suffix(segment, ".scope");
  if (segment.size() < kIdDigits) return read_named(segment);
  const std::string_view id = segment.substr(segment.size() - kIdDigits);
  if (!is_hex_of(id, kIdDigits)) return read_named(segment);
  segment.remove_suffix(kIdDigits);
  if (segment.empty()) {
    if (parent_ == "lxc" || parent_ == "lxc.payload") return read_named(id);
    enter_container(id, runtime_of_prefix(parent_ == "docker" ? parent_ : ""));
    return;
  }
  if (segment.back() != '-') return read_named(segment);
  segment.remove_suffix(1);
  if (segment == "conmon" || segment.ends_with("-conmon")) {
    is_watcher_ = true;
    return;
  }
  // A CRI sandbox that was given no pod's cgroup is not a pod's.
  if (segment == "cri-containerd" && parent_ == "system.slice" && ref_.pod_uid.empty()) return;
  enter_container(id, runtime_of_prefix(segment));
}

// Containers with names and numbers of other forms: only where the path says what they are.
void PathReader::read_named(std::string_view segment) {
  constexpr std::string_view kPayload = "lxc.payload.";
  if (segment.starts_with("lxc.monitor.") || parent_ == "lxc.monitor") {
    is_watcher_ = true;
  } else if (segment.starts_with(kPayload) && is_name(segment.substr(kPayload.size()))) {
    enter_container(segment.substr(kPayload.size()), ContainerRuntime::kLxc);
  } else if ((parent_ == "lxc" || parent_ == "lxc.payload") && is_name(segment)) {
    enter_container(segment, ContainerRuntime::kLxc);
  } else if (parent_ == "garden" || (grandparent_ == "garden" && parent_ == "good")) {
    if (is_grouped(segment, '-', 4) || is_uuid(segment, '-')) {
      enter_container(segment, ContainerRuntime::kGarden);
    }
  } else if (grandparent_ == "ecs" && segment.size() > kStaticUidDigits + 1 &&
             segment.size() <= kIdDigits && segment[kStaticUidDigits] == '-' &&
             is_hex_of(segment.substr(0, kStaticUidDigits), kStaticUidDigits) &&
             std::ranges::all_of(segment.substr(kStaticUidDigits + 1),
                                 [](char c) { return c >= '0' && c <= '9'; })) {
    enter_container(segment, ContainerRuntime::kUnknown);
  }
}

void PathReader::read(std::string_view segment) {
  // A runtime that takes the systemd form of a parent but makes the directory itself:
  // "<slice>:<prefix>:<id>".
  const std::size_t first = segment.find(':');
  const std::size_t second = first == std::string_view::npos ? first : segment.find(':', first + 1);
  if (second != std::string_view::npos && is_hex_of(segment.substr(second + 1), kIdDigits)) {
    read_pod(segment.substr(0, first));
    enter_container(segment.substr(second + 1),
                    runtime_of_prefix(segment.substr(first + 1, second - first - 1)));
  } else if (!read_pod(segment)) {
    read_container(segment);
  }
  below_kubepods_ |=
      segment == "kubepods" || segment == "kubepods.slice" || segment.ends_with("-kubepods.slice");
  grandparent_ = parent_;
  parent_ = segment;
}

struct Reading {
  ContainerRef ref;
  int depth = 0;
};

Reading read_path(std::string_view path) {
  path = without_suffix(path, " (deleted)");
  PathReader reader;
  while (!path.empty() && !reader.is_watcher()) {
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(segment.size() + 1, path.size()));
    if (!segment.empty() && segment != "." && segment != "..") reader.read(segment);
  }
  if (reader.is_watcher()) return {};
  return {reader.ref(), reader.depth()};
}

// The more it says the better; of equals, the deeper: an inner container may be in some hierarchies
// only.
std::pair<int, int> rank(const Reading& reading) {
  const int says = (reading.ref.container_id.empty() ? 0 : 2) + !reading.ref.pod_uid.empty();
  return {says, reading.depth};
}

}  // namespace

std::string_view to_string(ContainerRuntime runtime) {
  switch (runtime) {
    case ContainerRuntime::kUnknown:
      return "";
    case ContainerRuntime::kContainerd:
      return "containerd";
    case ContainerRuntime::kCrio:
      return "cri-o";
    case ContainerRuntime::kDocker:
      return "docker";
    case ContainerRuntime::kPodman:
      return "podman";
    case ContainerRuntime::kLxc:
      return "lxc";
    case ContainerRuntime::kGarden:
      return "garden";
  }
  return "";
}

ContainerRef container_of_path(std::string_view path) {
  return read_path(path).ref;
}

ContainerRef container_of_proc_cgroup(std::string_view file) {
  Reading systemd;
  Reading controllers;
  Reading unified;
  const auto take = [](Reading& best, Reading reading) {
    if (rank(reading) > rank(best)) best = std::move(reading);
  };
  while (!file.empty()) {
    // "<number>:<controllers>:<path>"; v2 has the number 0 and no controllers. A path may hold colons.
    const std::string_view line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(line.size() + 1, file.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers_text = line.substr(first + 1, second - first - 1);
    Reading& best = controllers_text == "name=systemd" ? systemd
                    : controllers_text.empty()         ? unified
                                                       : controllers;
    take(best, read_path(line.substr(second + 1)));
  }
  take(systemd, std::move(controllers));
  take(systemd, std::move(unified));
  return systemd.ref;
}

}  // namespace kernspan::kube
