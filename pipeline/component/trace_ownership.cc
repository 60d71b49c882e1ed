#include "pipeline/component/trace_ownership.h"

#include <algorithm>
#include <utility>

namespace kernspan {
namespace {

// Rings of one settle window. Of more, the oldest are taken for one that owned everything: waiting
// is safe.
constexpr std::size_t kMaxPast = 64;

}  // namespace

TraceOwnership::TraceOwnership(std::shared_ptr<const ReplicaRing::View> view,
                               std::chrono::nanoseconds settle, std::uint64_t now_ns)
    : view_(std::move(view)),
      settle_ns_(static_cast<std::uint64_t>(settle.count())),
      started_ns_(now_ns) {}

TraceOwnership TraceOwnership::after(std::shared_ptr<const ReplicaRing::View> view,
                                     std::uint64_t now_ns) const {
  TraceOwnership next = *this;
  std::erase_if(next.past_,
                [&](const Past& past) { return now_ns - past.replaced_ns >= settle_ns_; });
  if (next.past_.size() == kMaxPast) {
    next.started_ns_ = next.past_.front().replaced_ns;
    next.past_.erase(next.past_.begin());
  }
  next.past_.push_back({.view = std::exchange(next.view_, std::move(view)), .replaced_ns = now_ns});
  return next;
}

// Before the ring was seen for the first time anybody may have been the owner.
bool TraceOwnership::is_settled(const TraceId& id, std::uint64_t now_ns) const {
  if (now_ns - started_ns_ < settle_ns_) return false;
  return std::ranges::none_of(past_, [&](const Past& past) {
    return now_ns - past.replaced_ns < settle_ns_ && past.view->owner(id) != ReplicaRing::kSelf;
  });
}

TraceOwnership::MayDecide TraceOwnership::may_decide(const TraceId& id, std::uint64_t due_ns,
                                                     std::uint64_t now_ns) const {
  if (view_ == nullptr) return MayDecide::kYes;
  if (is_mine(id) && is_settled(id, now_ns)) return MayDecide::kYes;
  const bool waited_long = now_ns > due_ns && now_ns - due_ns >= kMaxWindows * settle_ns_;
  return waited_long ? MayDecide::kAlone : MayDecide::kNotYet;
}

}  // namespace kernspan
