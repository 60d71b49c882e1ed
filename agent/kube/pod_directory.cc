#include "agent/kube/pod_directory.h"

#include <algorithm>
#include <utility>

namespace kernspan::kube {

PodDirectory::PodDirectory(Settings settings, std::function<std::uint64_t()> monotonic_clock)
    : settings_(settings), clock_(std::move(monotonic_clock)) {}

// --- readers ------------------------------------------------------------------------------------

const PodDirectory::Known* PodDirectory::known_of(std::string_view uid) const {
  if (const auto known = pods_.find(uid); known != pods_.end()) return &known->second;
  const auto hashed = uids_by_hash_.find(uid);
  if (hashed == uids_by_hash_.end()) return nullptr;
  const auto known = pods_.find(hashed->second);
  return known == pods_.end() ? nullptr : &known->second;
}

PodMatch PodDirectory::find(std::string_view container_id, std::string_view pod_uid) const {
  const std::scoped_lock lock(mutex_);
  if (!container_id.empty()) {
    if (const auto run = runs_.find(container_id); run != runs_.end()) {
      const Known* known = known_of(run->second.uid);
      if (known != nullptr && run->second.container < known->pod->containers.size()) {
        return {.pod = known->pod,
                .container = run->second.container,
                .restart_count = run->second.restart_count};
      }
    }
  }
  if (pod_uid.empty()) return {};
  const Known* known = known_of(pod_uid);
  return known == nullptr ? PodMatch{} : PodMatch{.pod = known->pod, .container = {}};
}

PodPtr PodDirectory::find_ip(std::string_view ip) const {
  const std::scoped_lock lock(mutex_);
  const auto claim = uids_by_ip_.find(ip);
  if (claim == uids_by_ip_.end()) return nullptr;
  const Known* known = known_of(claim->second);
  return known == nullptr ? nullptr : known->pod;
}

void PodDirectory::want(std::string_view id) {
  {
    const std::scoped_lock lock(mutex_);
    if (wanted_.contains(id) || runs_.contains(id) || known_of(id) != nullptr) return;
    if (wanted_.size() >= settings_.wanted_max) {
      ++counters_.wanted_limit;
      return;
    }
    ++counters_.wanted;
    wanted_.emplace(id, Wanted{.at_ns = clock_(),
                               .wait_ns = settings_.want_first_wait_ns,
                               .tries_left = settings_.want_tries});
  }
  if (wake_) wake_();
}

std::size_t PodDirectory::size() const {
  const std::scoped_lock lock(mutex_);
  return pods_.size();
}

std::size_t PodDirectory::container_ids() const {
  const std::scoped_lock lock(mutex_);
  return runs_.size();
}

PodDirectoryCounters PodDirectory::counters() const {
  const std::scoped_lock lock(mutex_);
  return counters_;
}

// --- the filling thread -------------------------------------------------------------------------

void PodDirectory::apply(std::vector<PodPtr> pods) {
  const std::uint64_t now_ns = clock_();
  ++list_;
  bool has_changed = !is_synced();
  for (PodPtr& pod : pods) has_changed |= update(std::move(pod), now_ns);
  has_changed |= mark_gone(now_ns);
  is_synced_.store(true, std::memory_order_release);
  if (has_changed) generation_.fetch_add(1, std::memory_order_release);
}

// Whether anything is different now.
bool PodDirectory::update(PodPtr pod, std::uint64_t now_ns) {
  const std::scoped_lock lock(mutex_);
  const auto place = pods_.find(pod->uid);
  if (place == pods_.end()) {
    if (pods_.size() >= settings_.pods_max && !make_room()) {
      ++counters_.left_out;
      return false;
    }
    ++counters_.added;
    const PodPtr& added = pods_.emplace(pod->uid, Known{.pod = pod, .list = list_, .gone_runs = {}})
                              .first->second.pod;
    index(*added);
    return true;
  }
  Known& known = place->second;
  known.list = list_;
  const bool was_gone = std::exchange(known.gone_ns, 0) != 0;
  if (known.pod == pod) return was_gone;
  const PodPtr before = std::exchange(known.pod, std::move(pod));
  if (*before == *known.pod) return was_gone;
  ++counters_.updated;
  release_ips(*before);
  retire_runs(known, *before, now_ns);
  index(*known.pod);
  return true;
}

bool PodDirectory::mark_gone(std::uint64_t now_ns) {
  const std::scoped_lock lock(mutex_);
  bool is_any = false;
  for (auto& [uid, known] : pods_) {
    if (known.list == list_ || known.gone_ns != 0) continue;
    known.gone_ns = std::max<std::uint64_t>(now_ns, 1);
    ++counters_.deleted;
    is_any = true;
  }
  return is_any;
}

void PodDirectory::index(const Pod& pod) {
  wanted_.erase(pod.uid);
  wanted_.erase(pod.config_hash);
  if (!pod.config_hash.empty()) uids_by_hash_[pod.config_hash] = pod.uid;
  claim_ips(pod);
  for (std::size_t i = 0; i < pod.containers.size(); ++i) {
    for (const ContainerRun& run : pod.containers[i].runs) {
      wanted_.erase(run.id);
      if (runs_.size() >= settings_.container_ids_max && !runs_.contains(run.id)) {
        ++counters_.ids_left_out;
        continue;
      }
      runs_[run.id] = {.uid = pod.uid, .container = i, .restart_count = run.restart_count};
    }
  }
}

// The address of a pod that has finished may be another one's.
void PodDirectory::claim_ips(const Pod& pod) {
  if (pod.host_network) return;
  for (const std::string& ip : pod.ips) {
    const auto [claim, is_new] = uids_by_ip_.try_emplace(ip, pod.uid);
    if (is_new || claim->second == pod.uid) continue;
    const Known* other = known_of(claim->second);
    const bool is_others = other != nullptr && other->gone_ns == 0 && !other->pod->is_finished;
    if (!pod.is_finished || !is_others) claim->second = pod.uid;
  }
}

void PodDirectory::release_ips(const Pod& pod) {
  for (const std::string& ip : pod.ips) {
    const auto claim = uids_by_ip_.find(ip);
    if (claim != uids_by_ip_.end() && claim->second == pod.uid) uids_by_ip_.erase(claim);
  }
}

// The ids that `before` has and the pod no longer names stay for the retention.
void PodDirectory::retire_runs(Known& known, const Pod& before, std::uint64_t now_ns) {
  const auto is_named = [&](const std::string& id) {
    return std::ranges::any_of(known.pod->containers, [&](const Container& container) {
      return std::ranges::find(container.runs, id, &ContainerRun::id) != container.runs.end();
    });
  };
  for (const Container& container : before.containers) {
    for (const ContainerRun& run : container.runs) {
      if (is_named(run.id)) continue;
      known.gone_runs.emplace_back(now_ns, run.id);
    }
  }
}

void PodDirectory::sweep() {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t now_ns = clock_();
  const auto is_due = [&](std::uint64_t since_ns) {
    return now_ns - since_ns >= settings_.retention_ns;
  };
  std::vector<std::string> due;
  for (auto& [uid, known] : pods_) {
    if (known.gone_ns != 0 && is_due(known.gone_ns)) {
      due.push_back(uid);
      continue;
    }
    const auto kept = std::ranges::find_if_not(known.gone_runs, is_due,
                                               &std::pair<std::uint64_t, std::string>::first);
    for (auto run = known.gone_runs.begin(); run != kept; ++run) runs_.erase(run->second);
    known.gone_runs.erase(known.gone_runs.begin(), kept);
  }
  counters_.forgotten += due.size();
  for (const std::string& uid : due) forget(uid);
  std::erase_if(wanted_, [&](const auto& entry) {
    const Wanted& wanted = entry.second;
    return wanted.tries_left == 0 && now_ns >= wanted.at_ns && is_due(wanted.at_ns);
  });
}

void PodDirectory::forget(const std::string& uid) {
  const auto place = pods_.find(uid);
  const Known& known = place->second;
  release_ips(*known.pod);
  const auto hashed = uids_by_hash_.find(known.pod->config_hash);
  if (hashed != uids_by_hash_.end() && hashed->second == uid) uids_by_hash_.erase(hashed);
  const auto drop = [&](const std::string& id) {
    const auto run = runs_.find(id);
    if (run != runs_.end() && run->second.uid == uid) runs_.erase(run);
  };
  for (const Container& container : known.pod->containers) {
    for (const ContainerRun& run : container.runs) drop(run.id);
  }
  for (const auto& [since, id] : known.gone_runs) drop(id);
  pods_.erase(place);
}

bool PodDirectory::make_room() {
  const Known* oldest = nullptr;
  for (const auto& [uid, known] : pods_) {
    if (known.gone_ns != 0 && (oldest == nullptr || known.gone_ns < oldest->gone_ns)) {
      oldest = &known;
    }
  }
  if (oldest == nullptr) return false;
  ++counters_.evicted;
  forget(std::string(oldest->pod->uid));
  return true;
}

std::optional<std::uint64_t> PodDirectory::wanted_at() const {
  const std::scoped_lock lock(mutex_);
  std::optional<std::uint64_t> first;
  for (const auto& [id, wanted] : wanted_) {
    if (wanted.tries_left > 0 && (!first || wanted.at_ns < *first)) first = wanted.at_ns;
  }
  return first;
}

void PodDirectory::tried(std::uint64_t at_ns) {
  const std::scoped_lock lock(mutex_);
  for (auto& [id, wanted] : wanted_) {
    if (wanted.tries_left == 0 || wanted.at_ns > at_ns) continue;
    --wanted.tries_left;
    wanted.at_ns = at_ns + wanted.wait_ns;
    wanted.wait_ns *= 2;
  }
}

}  // namespace kernspan::kube
