// The pods of this node, by container id, pod uid and IP.
//
// One thread fills it (kubelet_client.h); any thread may read. A reader waits for no request and no
// parsing: the lock is held for the change of one pod at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/kube/pod.h"

namespace kernspan::kube {

struct PodMatch {
  PodPtr pod;  // null: not known
  // Index in pod->containers; none: only the pod is known, or it is its sandbox.
  std::optional<std::size_t> container;
  std::uint32_t restart_count = 0;  // of the run that was asked for

  const Container* container_info() const {
    return pod && container ? &pod->containers[*container] : nullptr;
  }
  explicit operator bool() const { return pod != nullptr; }
  bool operator==(const PodMatch&) const = default;
};

struct PodDirectoryCounters {
  std::uint64_t added = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;       // no longer in the kubelet's list
  std::uint64_t forgotten = 0;     // after the retention: the normal end
  std::uint64_t evicted = 0;       // deleted pods that went before that, for room
  std::uint64_t left_out = 0;      // pods beyond pods_max, once per list
  std::uint64_t ids_left_out = 0;  // containers beyond container_ids_max
  std::uint64_t wanted = 0;        // containers that refreshes were asked for
  std::uint64_t wanted_limit = 0;  // requests of these that there was no room for
};

class PodDirectory {
 public:
  struct Settings {
    // The kubelet's default is 110 pods per node; the largest that is in use is about 1,000.
    std::size_t pods_max = 4096;
    // Spans of a pod are written after it has gone.
    std::uint64_t retention_ns = 120'000'000'000;
    // Of all pods, about 200 bytes each.
    std::size_t container_ids_max = 65536;
    // Containers of which nothing is known yet.
    std::size_t wanted_max = 1024;
    // Tries for one container: the kubelet names its id up to some seconds after its start. The
    // waits double. After that only the regular lists may still name it.
    std::uint64_t want_first_wait_ns = 500'000'000;
    unsigned want_tries = 6;
  };

  PodDirectory(Settings settings, std::function<std::uint64_t()> monotonic_clock);
  PodDirectory(const PodDirectory&) = delete;
  PodDirectory& operator=(const PodDirectory&) = delete;

  // --- any thread ---

  // By the id of any container of it that was ever seen, else by the uid that the cgroup names
  // (of a static pod its config hash). Either may be empty.
  PodMatch find(std::string_view container_id, std::string_view pod_uid) const;
  PodMatch find_container(std::string_view container_id) const { return find(container_id, {}); }
  PodMatch find_pod(std::string_view uid) const { return find({}, uid); }
  // Null for the IPs of the node, which host-network pods share.
  PodPtr find_ip(std::string_view ip) const;

  // Changes when a lookup may have a better answer than before.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Whether a list has come since the start.
  bool is_synced() const { return is_synced_.load(std::memory_order_acquire); }

  // Asks for a list that has this container (its id), or a pod (its uid). Cheap; may be repeated.
  void want(std::string_view id);

  std::size_t size() const;
  std::size_t container_ids() const;
  PodDirectoryCounters counters() const;

  // --- the thread that fills it ---

  // The whole list of the node's pods. What is not in it is kept for the retention.
  void apply(std::vector<PodPtr> pods);
  // Forgets what is due.
  void sweep();
  // When the next list is wanted (monotonic); none: by nobody.
  std::optional<std::uint64_t> wanted_at() const;
  // A list was asked for at `at_ns`, whatever came of it: what is still wanted then waits longer.
  void tried(std::uint64_t at_ns);
  // Called, from the thread that wants, when something new is wanted. Set before use.
  void on_wanted(std::function<void()> wake) { wake_ = std::move(wake); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  template <typename T>
  using ByText = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

  struct Known {
    PodPtr pod;
    std::uint64_t gone_ns = 0;  // when it was first missing; 0: it is listed
    std::uint64_t list = 0;     // the last one that it was in
    // Containers that the pod does not name any more, and since when. In order.
    std::vector<std::pair<std::uint64_t, std::string>> gone_runs;
  };
  struct Run {
    std::string uid;
    std::size_t container = 0;
    std::uint32_t restart_count = 0;
  };
  struct Wanted {
    std::uint64_t at_ns = 0;
    std::uint64_t wait_ns = 0;
    unsigned tries_left = 0;
  };

  bool update(PodPtr pod, std::uint64_t now_ns);
  bool mark_gone(std::uint64_t now_ns);
  void index(const Pod& pod);
  void claim_ips(const Pod& pod);
  void release_ips(const Pod& pod);
  void retire_runs(Known& known, const Pod& before, std::uint64_t now_ns);
  void forget(const std::string& uid);
  bool make_room();
  const Known* known_of(std::string_view uid) const;

  const Settings settings_;
  const std::function<std::uint64_t()> clock_;
  std::function<void()> wake_;
  std::atomic<std::uint64_t> generation_ = 0;
  std::atomic<bool> is_synced_ = false;
  std::uint64_t list_ = 0;  // of the filling thread

  mutable std::mutex mutex_;  // guards all that follows
  ByText<Known> pods_;        // by uid
  ByText<Run> runs_;          // by container id
  ByText<std::string> uids_by_hash_;
  ByText<std::string> uids_by_ip_;
  ByText<Wanted> wanted_;  // by container id or pod uid
  PodDirectoryCounters counters_;
};

}  // namespace kernspan::kube
