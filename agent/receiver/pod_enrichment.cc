#include "agent/receiver/pod_enrichment.h"

#include <utility>

namespace kernspan {
namespace {

// The directory tries each of its requests for some seconds; then it may be asked anew.
constexpr std::uint64_t kWantIntervalNs = 1'000'000'000;
// A container that is silent for longer is looked up again.
constexpr std::uint64_t kUnusedNs = 60'000'000'000;

using process::Enrichment;
using process::PodContext;

const std::string& key_of(const kube::ContainerRef& container) {
  return container.container_id.empty() ? container.pod_uid : container.container_id;
}

Enrichment enrichment_of(const kube::ContainerRef& container, const kube::PodMatch& match) {
  if (match) {
    const bool is_whole = match.container.has_value() || container.container_id.empty();
    return is_whole ? Enrichment::kWhole : Enrichment::kNoContainer;
  }
  // Containers that are in no pod have all there is to be had.
  return container.pod_uid.empty() ? Enrichment::kWhole : Enrichment::kNoPod;
}

}  // namespace

PodEnrichment::PodEnrichment(Settings settings, kube::PodDirectory& directory,
                             std::function<kube::KubeletState()> kubelet_state)
    : settings_(settings), directory_(directory), kubelet_state_(std::move(kubelet_state)) {}

PodEnrichment::Entry& PodEnrichment::entry_of(const kube::ContainerRef& container,
                                              std::uint64_t now_ns) {
  if (containers_.size() >= settings_.containers_max && !containers_.contains(key_of(container))) {
    counters_.containers_evicted += containers_.size();
    containers_.clear();
  }
  const auto [place, is_new] = containers_.try_emplace(key_of(container));
  Entry& entry = place->second;
  entry.used_ns = now_ns;
  if (is_new) entry.deadline_ns = now_ns + settings_.wait_ns;
  const std::uint64_t generation = directory_.generation();
  if (entry.generation != generation) {
    entry.generation = generation;
    kube::PodMatch match = directory_.find(container.container_id, container.pod_uid);
    const Enrichment enrichment = enrichment_of(container, match);
    // What was known before is better than less.
    if (is_new || enrichment < entry.context.enrichment ||
        (match && enrichment == entry.context.enrichment)) {
      entry.context = {.match = std::move(match), .enrichment = enrichment};
    }
  }
  if (entry.context.enrichment == Enrichment::kWhole) {
    if (!is_new && !entry.is_over) ++counters_.waits_resolved;
    entry.is_over = true;
  } else if (now_ns >= entry.want_ns) {
    entry.want_ns = now_ns + kWantIntervalNs;
    directory_.want(key_of(container));
  }
  return entry;
}

void PodEnrichment::notice(const kube::ContainerRef& container, std::uint64_t now_ns) {
  if (!container.empty()) entry_of(container, now_ns);
}

const PodContext& PodEnrichment::context_of(const kube::ContainerRef& container,
                                            std::uint64_t now_ns) {
  static const PodContext none;
  return container.empty() ? none : entry_of(container, now_ns).context;
}

bool PodEnrichment::awaits(const kube::ContainerRef& container, std::uint64_t now_ns) {
  if (container.empty()) return false;
  Entry& entry = entry_of(container, now_ns);
  if (entry.is_over) return false;
  if (now_ns < entry.deadline_ns) return true;
  entry.is_over = true;
  ++counters_.waits_given_up;
  return false;
}

void PodEnrichment::count(const kube::ContainerRef& container, const PodContext& context) {
  if (context.enrichment == Enrichment::kNoPod) {
    ++counters_.missing[static_cast<std::size_t>(kubelet_state_())];
  } else if (context.enrichment == Enrichment::kNoContainer) {
    ++counters_.partial;
  } else if (context.match && !container.empty()) {
    ++counters_.whole;
  } else {
    ++counters_.not_in_pod;
  }
}

void PodEnrichment::sweep(std::uint64_t now_ns) {
  std::erase_if(containers_, [&](const auto& entry) {
    return now_ns >= entry.second.used_ns && now_ns - entry.second.used_ns >= kUnusedNs;
  });
}

}  // namespace kernspan
