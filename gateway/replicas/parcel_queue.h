// What waits for one peer, and what is on its way there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/component/replica_ring.h"

namespace kernspan::replicas {

struct QueuedParcel {
  std::string channel;
  HandOff hand_off = {};
  std::uint64_t queued_ns = 0;  // its ages grow from here on
};

// One message: parcels of one channel and as many hops, sent together, with one number that stays.
struct OutgoingMessage {
  std::uint64_t sequence = 0;
  std::vector<QueuedParcel> parcels = {};
  std::size_t bytes = 0;
  std::uint64_t no_channel_since_ns = 0;  // 0: the peer has not answered that
};

struct ParcelQueueSettings {
  std::size_t max_bytes = 64 << 20;         // waiting and on the way
  std::size_t max_message_bytes = 4 << 20;  // a parcel that is larger goes alone
  std::size_t max_in_flight = 4;
};

// The bytes bound what may wait: a parcel always has room when nothing else is there. One thread at a
// time.
class ParcelQueue {
 public:
  explicit ParcelQueue(ParcelQueueSettings settings) : settings_(settings) {}

  bool has_room(std::size_t bytes) const {
    return used_bytes_ == 0 ||
           bytes <= settings_.max_bytes - std::min(settings_.max_bytes, used_bytes_);
  }
  void push(QueuedParcel parcel);

  // The next message, when one may be sent at `now_ns`; `next_sequence` counts messages.
  std::optional<OutgoingMessage> take(std::uint64_t now_ns, std::uint64_t& next_sequence);
  // How it ended. A message that failed is sent again, before anything newer, after a while that
  // doubles from one failure to the next.
  void succeeded(const OutgoingMessage& message);
  void failed(OutgoingMessage message, std::uint64_t now_ns);
  // What was taken will not come back here.
  void given_up(const OutgoingMessage& message);

  // Everything that waits, of one channel or (empty) of all.
  std::vector<QueuedParcel> drain(const std::string& channel);

  std::size_t used_bytes() const { return used_bytes_; }
  std::size_t in_flight() const { return in_flight_; }
  bool empty() const { return waiting_.empty() && again_.empty() && in_flight_ == 0; }

 private:
  void forget(const OutgoingMessage& message);

  const ParcelQueueSettings settings_;
  std::deque<QueuedParcel> waiting_;
  std::deque<OutgoingMessage> again_;
  std::size_t used_bytes_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t retry_at_ns_ = 0;
  std::uint64_t retry_delay_ns_ = 0;
};

// All parcels of a message as one, as it is at `now_ns`. The parcels stay: they may come back.
HandOff merge(const OutgoingMessage& message, std::uint64_t now_ns);
// A parcel that comes back, with its ages of `now_ns`.
HandOff aged(QueuedParcel parcel, std::uint64_t now_ns);

}  // namespace kernspan::replicas
