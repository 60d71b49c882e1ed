// What spans are told of the pods of their processes, and how long they wait for it.
//
// A container that nobody has heard of is asked for when its first process is met. Its first spans
// wait for the answer, at most wait_ns from then; after that they are written with what is known,
// marked and counted. What is learned later the spans after that have.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "agent/kube/kubelet_client.h"
#include "agent/kube/pod_directory.h"
#include "agent/process/pod_resource.h"

namespace kernspan {

struct PodEnrichmentCounters {
  std::uint64_t whole = 0;       // spans with pod and container
  std::uint64_t partial = 0;     // spans with the pod, without the container
  std::uint64_t not_in_pod = 0;  // spans of the node's own programs, or of containers without a pod
  // Spans without the pod, by the kubelet's state then.
  std::array<std::uint64_t, static_cast<std::size_t>(kube::KubeletState::kCount)> missing{};
  std::uint64_t waits_resolved = 0;  // containers that were waited for and became known in time
  std::uint64_t waits_given_up = 0;
  std::uint64_t containers_evicted = 0;
};

// One thread; what it looks into is filled by another.
class PodEnrichment {
 public:
  struct Settings {
    std::uint64_t wait_ns = 2'000'000'000;
    // Containers whose pods are remembered here, about 300 bytes each.
    std::size_t containers_max = 8192;
  };

  // `directory` outlives it. `kubelet_state` is asked when spans are counted.
  PodEnrichment(Settings settings, kube::PodDirectory& directory,
                std::function<kube::KubeletState()> kubelet_state);

  // Changes when context_of() may have a better answer.
  std::uint64_t generation() const { return directory_.generation(); }

  // A process of it was met.
  void notice(const kube::ContainerRef& container, std::uint64_t now_ns);
  // What is known of it. Once known it stays so: spans are written after their pods have gone.
  const process::PodContext& context_of(const kube::ContainerRef& container, std::uint64_t now_ns);
  // Whether its spans had better wait.
  bool awaits(const kube::ContainerRef& container, std::uint64_t now_ns);
  // A span of it is written.
  void count(const kube::ContainerRef& container, const process::PodContext& context);

  void sweep(std::uint64_t now_ns);

  const PodEnrichmentCounters& counters() const { return counters_; }
  std::size_t size() const { return containers_.size(); }

 private:
  struct Entry {
    process::PodContext context;
    std::uint64_t generation = ~std::uint64_t{0};  // of the directory, when it was looked up
    std::uint64_t deadline_ns = 0;
    std::uint64_t want_ns = 0;  // when to ask for it again
    std::uint64_t used_ns = 0;
    bool is_over = false;  // the wait: it became known, or the time was up
  };

  Entry& entry_of(const kube::ContainerRef& container, std::uint64_t now_ns);

  const Settings settings_;
  kube::PodDirectory& directory_;
  const std::function<kube::KubeletState()> kubelet_state_;
  std::unordered_map<std::string, Entry> containers_;  // by container id, else by pod uid
  PodEnrichmentCounters counters_;
};

}  // namespace kernspan
