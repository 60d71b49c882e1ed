// The two ends of one request on this node find each other: both see the client's address and the
// TCP sequence number of the request's first byte. That passes TLS, needs no header and survives
// destination NAT; it does not survive source NAT or a proxy that is not traced.
//
// The ends come in either order, because the hooks fire after the transfer. Used by one thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/conn/exchange.h"

namespace kernspan {

class WireIndex {
 public:
  // Announces one end of a request. Returns the other end if that is waiting (and waits no longer);
  // else null, and this end waits until withdraw().
  ExchangePtr meet(Exchange& exchange);

  // This end stops waiting, if it still does.
  void withdraw(Exchange& exchange);

  std::size_t waiting() const { return waiting_; }
  std::uint64_t collisions() const { return collisions_; }

 private:
  // Open addressing with linear probing, at most half full: one cache miss for a look-up, where nodes
  // cost three (a quarter of the agent's time at 60,000 requests a second).
  struct Slot {
    std::uint64_t hash = 0;
    ExchangePtr exchange;
  };
  static constexpr std::size_t kFirstSlots = 1024;  // a power of two, as all later sizes

  // The slot of the end with this key, or the empty one where it would be.
  std::size_t find(std::uint64_t hash, const Exchange& exchange) const;
  void erase(std::size_t at);
  void grow();

  std::vector<Slot> slots_ = std::vector<Slot>(kFirstSlots);
  std::size_t waiting_ = 0;
  std::uint64_t collisions_ = 0;
};

}  // namespace kernspan
