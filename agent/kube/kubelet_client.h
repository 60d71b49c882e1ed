// Asks this node's kubelet for its pods: GET /pods, over HTTPS (10250) or the read-only port (10255).
//
// In regular intervals, and at once when a container is met that nobody knows (PodDirectory::want),
// but never more often than once per min_interval, whatever happens. After a failure the waits
// double up to the interval. One thread of its own; nobody else ever waits for the kubelet.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "agent/kube/pod_directory.h"
#include "agent/kube/pod_list.h"
#include "pipeline/base/clock.h"
#include "pipeline/kubernetes/api_connection.h"

namespace kernspan::kube {

// X(enumerator, name): what the last request came to; `name` is a metric label's value.
#define KERNSPAN_KUBELET_STATES(X)                                                   \
  X(kUnknown, "unknown") /* not asked yet */                                         \
  X(kReachable, "reachable")                                                         \
  X(kForbidden, "forbidden") /* 401 or 403 */                                        \
  X(kSlow, "slow")           /* it was reached, and did not answer in time */        \
  X(kDown, "down")           /* no connection, a broken one, or a bad certificate */ \
  X(kInvalid, "invalid")     /* an answer that is no PodList, or too large */

enum class KubeletState : std::uint8_t {
#define KERNSPAN_KUBELET_ENUMERATOR(enumerator, name) enumerator,
  KERNSPAN_KUBELET_STATES(KERNSPAN_KUBELET_ENUMERATOR)
#undef KERNSPAN_KUBELET_ENUMERATOR
      kCount
};
std::string_view to_string(KubeletState state);

struct KubeletCounters {
  std::array<std::uint64_t, static_cast<std::size_t>(KubeletState::kCount)> requests{};
  std::uint64_t unchanged = 0;  // of the reachable: 304, or the same body as before
  std::uint64_t on_demand = 0;  // of all: because a container was not known
  std::uint64_t body_bytes = 0;
  PodListCounters lists;
};

struct KubeletSettings {
  ApiAccess access;
  std::string target = "/pods";
  std::chrono::nanoseconds interval = std::chrono::seconds{15};
  std::chrono::nanoseconds min_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds timeout = std::chrono::seconds{5};
  // A pod is 5 to 30 KB of JSON.
  std::size_t body_bytes_max = 64u << 20;
  std::size_t pods_max = 4096;
  PodFields fields;
};

class KubeletClient {
 public:
  // Both outlive it.
  KubeletClient(KubeletSettings settings, PodDirectory& directory, const Clock& clock);
  ~KubeletClient();

  void start();
  // Ends a request that is under way. Idempotent.
  void stop();

  struct Snapshot {
    KubeletState state = KubeletState::kUnknown;
    KubeletCounters counters;
    std::uint64_t synced_ns = 0;  // monotonic, when the last answer was taken; 0: never
  };
  Snapshot snapshot() const;                                                     // any thread
  KubeletState state() const { return state_.load(std::memory_order_relaxed); }  // any thread

  // --- without the thread, for tests ---

  // Asks once. Returns what it came to.
  KubeletState ask(bool on_demand);
  // When to ask next, and whether it is for a want.
  struct Next {
    std::uint64_t at_ns = 0;
    bool on_demand = false;
  };
  Next next() const;

 private:
  struct Outcome {
    KubeletState state;
    std::string problem;  // for the log; empty when reachable
  };

  void run();
  Outcome request();
  Outcome take_list(std::uint64_t hash);
  std::string advice(long status) const;
  void publish(const Outcome& outcome, std::uint64_t began_ns);

  const KubeletSettings settings_;
  PodDirectory& directory_;
  const Clock& clock_;
  ApiConnection connection_;
  PodListReader reader_;
  std::string etag_;
  std::uint64_t body_hash_ = 0;
  // The last request's end: it had reached the kubelet before, so that two are never closer there.
  std::optional<std::uint64_t> asked_ns_;
  std::uint64_t failures_ = 0;  // in a row
  KubeletCounters counters_;
  std::atomic<KubeletState> state_ = KubeletState::kUnknown;

  mutable std::mutex mutex_;  // guards the following
  Snapshot published_;
  bool stopping_ = false;
  bool woken_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace kernspan::kube
