#include "gateway/replicas/seen_parcels.h"

#include <algorithm>

namespace kernspan::replicas {

SeenParcels::Begun SeenParcels::begin(std::uint64_t sender, std::uint64_t sequence) {
  if (!senders_.contains(sender)) {
    if (senders_.size() >= kMaxSenders) {
      // One with a call in progress is used right now.
      const auto idle = std::ranges::find_if(
          order_, [this](std::uint64_t each) { return senders_[each].in_progress.empty(); });
      if (idle == order_.end()) return Begun::kInProgress;
      senders_.erase(*idle);
      order_.erase(idle);
    }
    order_.push_back(sender);
  }
  Sender& state = senders_[sender];
  if (state.taken.contains(sequence)) return Begun::kTaken;
  return state.in_progress.insert(sequence).second ? Begun::kNew : Begun::kInProgress;
}

void SeenParcels::end(std::uint64_t sender, std::uint64_t sequence, bool taken) {
  const auto found = senders_.find(sender);
  if (found == senders_.end()) return;
  found->second.in_progress.erase(sequence);
  if (!taken) return;
  found->second.taken.insert(sequence);
  if (found->second.taken.size() > kWindow) {
    found->second.taken.erase(found->second.taken.begin());
  }
}

}  // namespace kernspan::replicas
