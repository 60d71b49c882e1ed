#include "pipeline/processors/tail_sampling/decision_cache.h"

namespace kernspan::sampling {

void DecisionCache::put(const TraceId& id, const TraceDecision& decision) {
  if (capacity_ == 0) return;
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    entries_[found->second].decision = decision;
    entries_[found->second].is_given = false;
    unlink(found->second);
    link_newest(found->second);
    return;
  }
  std::uint32_t number = static_cast<std::uint32_t>(entries_.size());
  if (entries_.size() < capacity_) {
    entries_.emplace_back();
  } else {
    number = oldest_;
    unlink(number);
    by_id_.erase(entries_[number].id);
  }
  entries_[number].id = id;
  entries_[number].decision = decision;
  entries_[number].is_given = false;
  by_id_.emplace(id, number);
  link_newest(number);
}

const TraceDecision* DecisionCache::find(const TraceId& id) {
  if (capacity_ == 0) return nullptr;
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  if (found->second != newest_) {
    unlink(found->second);
    link_newest(found->second);
  }
  return &entries_[found->second].decision;
}

void DecisionCache::unlink(std::uint32_t number) {
  const Entry& entry = entries_[number];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

void DecisionCache::link_newest(std::uint32_t number) {
  Entry& entry = entries_[number];
  entry.newer = kNone;
  entry.older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = number;
  newest_ = number;
}

}  // namespace kernspan::sampling
