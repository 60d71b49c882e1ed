#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/component/replica_ring.h"
#include "pipeline/routing/hash_ring.h"

namespace kernspan::replicas {

class RingView final : public ReplicaRing::View {
 public:
  // `members` are sorted; `self` may be missing: then it owns nothing.
  RingView(std::uint64_t generation, std::vector<std::string> members, const std::string& self);

  ReplicaRing::Member owner(const TraceId& id) const override {
    return member_of_[ring_.owner(id)];
  }
  std::size_t size() const override { return addresses_.size(); }
  std::uint64_t generation() const override { return generation_; }

  const std::string& address(ReplicaRing::Member member) const { return addresses_[member]; }
  bool has(const std::string& address) const;
  const std::vector<std::string>& members() const { return ring_.endpoints(); }
  double owned_share() const;

 private:
  const std::uint64_t generation_;
  const HashRing ring_;
  std::vector<std::string> addresses_;          // by member; the first is this replica's
  std::vector<ReplicaRing::Member> member_of_;  // by number in the ring
};

}  // namespace kernspan::replicas
