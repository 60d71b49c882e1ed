#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/component/replica_ring.h"

namespace kernspan {

// Which traces are this replica's, and on which of them it may decide: the ring of one moment, and
// those that it has replaced. Immutable: take one for a round of work, and a new one when the door's
// generation has changed. Times are monotonic.
class TraceOwnership {
 public:
  TraceOwnership() = default;  // there are no other replicas
  // The ring was seen for the first time at `now_ns`.
  TraceOwnership(std::shared_ptr<const ReplicaRing::View> view, std::chrono::nanoseconds settle,
                 std::uint64_t now_ns);

  // What it is once `view` has replaced the present one; rings that were replaced more than a settle
  // window ago are forgotten.
  TraceOwnership after(std::shared_ptr<const ReplicaRing::View> view, std::uint64_t now_ns) const;

  bool is_mine(const TraceId& id) const {
    return view_ == nullptr || view_->owner(id) == ReplicaRing::kSelf;
  }

  // Whether to decide at `now_ns` on a trace that was due at `due_ns`: it is this replica's, and no
  // other was its owner in the last settle window, so that nobody holds parts of it any more. After
  // kMaxWindows of waiting the answer is kAlone: decide on what is there.
  enum class MayDecide { kYes, kNotYet, kAlone };
  static constexpr unsigned kMaxWindows = 4;
  MayDecide may_decide(const TraceId& id, std::uint64_t due_ns, std::uint64_t now_ns) const;

  // Null when there are no other replicas.
  const std::shared_ptr<const ReplicaRing::View>& view() const { return view_; }

 private:
  struct Past {
    std::shared_ptr<const ReplicaRing::View> view;
    std::uint64_t replaced_ns = 0;
  };

  bool is_settled(const TraceId& id, std::uint64_t now_ns) const;

  std::shared_ptr<const ReplicaRing::View> view_;
  std::vector<Past> past_;  // at most kMaxPast, newest last
  std::uint64_t settle_ns_ = 0;
  std::uint64_t started_ns_ = 0;
};

}  // namespace kernspan
