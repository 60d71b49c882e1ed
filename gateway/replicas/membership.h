// Who is in the ring. What is known of a peer comes from three sides:
//
//   listed    the resolver names it; one that it no longer names is remembered for `forget_after`
//             (a resolver may flap), and for as long as it answers
//   heard     it said hello: it is there, it is leaving, or another process has its address now
//   reached   our calls to it succeed, or have failed for so long
//
// In the ring is who is listed or has been heard, is not leaving, and has not been out of reach for
// `down_after`. A peer that has been listed and not been tried yet counts as in: the others, which
// start at the same time, count it as well.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kernspan::replicas {

struct MembershipSettings {
  std::chrono::nanoseconds down_after = std::chrono::seconds{5};
  std::chrono::nanoseconds forget_after = std::chrono::seconds{15};
};

// One thread at a time. Times are monotonic.
class Membership {
 public:
  // Peers beyond this many are not remembered.
  static constexpr std::size_t kMaxPeers = 1000;

  Membership(std::string self, MembershipSettings settings);

  void listed(const std::vector<std::string>& addresses, std::uint64_t now_ns);
  // Somebody else knows of these: they are asked, and are members once they have answered.
  void rumoured(const std::vector<std::string>& addresses, std::uint64_t now_ns);
  void heard(const std::string& address, std::uint64_t instance, bool leaving,
             std::uint64_t now_ns);
  void reached(const std::string& address, std::uint64_t now_ns);
  void failed(const std::string& address, std::uint64_t now_ns);
  // The address is another name of `name`, which may be this replica.
  void is_alias(const std::string& address, const std::string& name, std::uint64_t now_ns);
  void leave() { leaving_ = true; }

  // Forgets whom nobody has named or heard for long, and answers who is in the ring now: sorted,
  // this replica among them unless it is leaving and there are others.
  std::vector<std::string> members(std::uint64_t now_ns);

  // All peers to say hello to: also those that are down, or were rumoured.
  std::vector<std::string> peers() const;
  std::size_t peers_down() const;
  bool is_leaving() const { return leaving_; }
  const std::string& self() const { return self_; }

 private:
  struct Peer {
    bool is_listed = false;
    bool is_leaving = false;
    bool is_alias = false;
    std::uint64_t instance = 0;          // 0: not heard yet
    std::uint64_t named_ns = 0;          // when it was last listed, rumoured or heard
    std::uint64_t failing_since_ns = 0;  // 0: the last call succeeded, or none was made
    bool is_down = false;
  };

  Peer* find_or_add(const std::string& address, std::uint64_t now_ns);
  bool is_member(const Peer& peer) const;

  const std::string self_;
  const MembershipSettings settings_;
  bool leaving_ = false;
  std::map<std::string, Peer> peers_;
};

}  // namespace kernspan::replicas
