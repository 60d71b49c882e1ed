// Which container a cgroup belongs to, by the number that the kernel gives it: for processes that are
// gone before anybody could read their /proc/<pid>/cgroup.
//
// Learnt from the kernel side as cgroups are made, and from a walk through the cgroup file systems,
// where a directory's inode is the number: once for those that are older than the agent, and again (at
// most once in `walk_interval_ns`) when a number turns up that is not known. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "agent/kube/container_ref.h"

namespace kernspan::kube {

struct CgroupId {
  std::uint32_t hierarchy = 0;  // as in /proc/<pid>/cgroup; 0: v2
  std::uint64_t id = 0;         // 0: not known

  bool operator==(const CgroupId&) const = default;
};

struct CgroupCounters {
  std::uint64_t learnt = 0;       // from the kernel side
  std::uint64_t walks = 0;        // through the cgroup file systems
  std::uint64_t walked = 0;       // cgroups that these found
  std::uint64_t walks_cut = 0;    // walks that stopped at a limit
  std::uint64_t walks_blind = 0;  // no cgroup file system could be read
  std::uint64_t unknown = 0;      // questions that had no answer
  std::uint64_t forgotten = 0;    // for room; the next walk finds those that are still there
};

class CgroupContainers {
 public:
  struct Settings {
    std::string proc_root = "/proc";
    // About 60 bytes each. A container has one in each of at most five hierarchies: 1,000 pods of three containers
    // make 20,000. At least 64.
    std::size_t max_cgroups = 65536;
    // About 300 bytes each. Of v2 alone each container has but one cgroup. At least 64.
    std::size_t max_containers = 16384;
    std::uint64_t walk_interval_ns = 1'000'000'000;
  };
  // CLOCK_MONOTONIC in nanoseconds.
  using Clock = std::function<std::uint64_t()>;

  CgroupContainers(Settings settings, Clock clock);

  // Learns those that there are, when the kernel side has begun to say what comes: a container that is
  // older than the agent may be gone when its first process is looked at.
  void learn_all() { walk(); }
  // What the kernel side said: the path from the root of its hierarchy.
  void learn(CgroupId cgroup, std::string_view path);

  // Null: not known (now). An empty container: the cgroup is of none. The pointer holds until the next
  // learn() or find(). May walk: about 20 us for each cgroup of the node.
  const ContainerRef* find(CgroupId cgroup);

  std::size_t size() const { return containers_.size(); }
  const CgroupCounters& counters() const { return counters_; }

 private:
  struct Hash {
    std::size_t operator()(const CgroupId& cgroup) const {
      return std::hash<std::uint64_t>()(cgroup.id * 31 + cgroup.hierarchy);
    }
  };
  struct RefHash {
    std::size_t operator()(const ContainerRef& ref) const {
      return std::hash<std::string>()(ref.container_id) * 31 +
             std::hash<std::string>()(ref.pod_uid);
    }
  };
  struct Hierarchy {
    std::uint32_t number;
    std::string directory;
    std::string root;  // the path of the directory's cgroup
  };

  void forget();
  const ContainerRef* shared(ContainerRef&& ref);
  bool insert(CgroupId cgroup, std::string_view path);
  std::vector<Hierarchy> hierarchies(std::string_view process) const;
  void walk();
  bool walk(const Hierarchy& hierarchy);

  Settings settings_;
  Clock clock_;
  std::unordered_map<CgroupId, const ContainerRef*, Hash> containers_;
  // What the cgroups of one container, and those in it, have in common.
  std::unordered_set<ContainerRef, RefHash> refs_;
  std::uint64_t walked_ns_ = 0;  // 0: never
  CgroupCounters counters_;
};

}  // namespace kernspan::kube
