#include "gateway/replicas/ring_view.h"

#include <algorithm>
#include <utility>

namespace kernspan::replicas {

RingView::RingView(std::uint64_t generation, std::vector<std::string> members,
                   const std::string& self)
    : generation_(generation), ring_(std::move(members)), addresses_{self} {
  for (const std::string& address : ring_.endpoints()) {
    if (address == self) {
      member_of_.push_back(ReplicaRing::kSelf);
    } else {
      member_of_.push_back(static_cast<ReplicaRing::Member>(addresses_.size()));
      addresses_.push_back(address);
    }
  }
}

bool RingView::has(const std::string& address) const {
  return std::ranges::binary_search(members(), address);
}

double RingView::owned_share() const {
  for (std::size_t i = 0; i < member_of_.size(); ++i) {
    if (member_of_[i] != ReplicaRing::kSelf) continue;
    return static_cast<double>(ring_.positions_of(i)) / HashRing::kPositions;
  }
  return 0;
}

}  // namespace kernspan::replicas
