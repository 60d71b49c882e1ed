// The two ends of one request on this node find each other: both see the client's address and the
// TCP sequence number of the request's first byte. That passes TLS, needs no header and survives
// destination NAT; it does not survive source NAT or a proxy that is not traced.
//
// The ends come in either order, because the hooks fire after the transfer. Used by one thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "agent/conn/exchange.h"

namespace kernspan {

class WireIndex {
 public:
  // Announces one end of a request. Returns the other end if that is waiting (and waits no longer);
  // else null, and this end waits until withdraw().
  ExchangePtr meet(Exchange& exchange);

  // This end stops waiting, if it still does.
  void withdraw(Exchange& exchange);

  std::size_t waiting() const { return waiting_.size(); }
  std::uint64_t collisions() const { return collisions_; }

 private:
  struct Key {
    SocketAddress client;
    std::uint32_t seq = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  static Key key_of(const Exchange& exchange);

  std::unordered_map<Key, ExchangePtr, KeyHash> waiting_;
  std::uint64_t collisions_ = 0;
};

}  // namespace kernspan
