#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>

namespace kernspan::replicas {

// Which hand-offs of which senders were taken: one that comes again, as the answer was lost, is not
// taken twice. Bounded: of each sender the last kWindow numbers, and the last kMaxSenders senders. One
// thread at a time.
class SeenParcels {
 public:
  // A sender has a few hand-offs under way and sends again before it sends what is newer.
  static constexpr std::size_t kWindow = 1024;
  static constexpr std::size_t kMaxSenders = 1024;

  enum class Begun { kNew, kTaken, kInProgress };
  // kNew: take it, and end() says whether that succeeded.
  Begun begin(std::uint64_t sender, std::uint64_t sequence);
  void end(std::uint64_t sender, std::uint64_t sequence, bool taken);

 private:
  struct Sender {
    std::set<std::uint64_t> taken;
    std::set<std::uint64_t> in_progress;
  };

  std::map<std::uint64_t, Sender> senders_;
  std::deque<std::uint64_t> order_;  // of senders, oldest first
};

}  // namespace kernspan::replicas
