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
  // Client addresses that are remembered, those of which nothing waits included.
  std::size_t clients() const { return clients_.size(); }

 private:
  // One end that waits; null: one that does no more.
  struct Waiting {
    std::uint32_t place;
    ExchangePtr exchange;
  };

  // What waits of one client address, by sequence number. Requests of a connection come in that order,
  // and leave in it: nearly all is done at the two ends of a piece of memory that stays in the caches, where
  // one table for all requests cost two misses for each.
  class Client {
   public:
    bool empty() const { return ends_.empty(); }
    // The end with this sequence number, which may wait no more; a new one where there is none.
    Waiting& at(std::uint32_t seq);
    // An end of those that at() returned waits no more. Ends move.
    void remove(Waiting& end);

   private:
    static constexpr std::size_t kGoneKept = 64;
    static constexpr std::size_t kCapacityKept = 4096;

    // Places are numbered from the first end on, so that they ascend where sequence numbers wrap around.
    std::uint32_t base_ = 0;
    std::size_t first_ = 0;  // of the ends that wait
    std::size_t gone_ = 0;   // how many behind it do so no more
    std::vector<Waiting> ends_;
  };
  struct AddressHash {
    std::size_t operator()(const SocketAddress& address) const noexcept;
  };

  Client& client_of(const Exchange& exchange);

  static constexpr std::size_t kClientsKept = 1024;
  std::unordered_map<SocketAddress, Client, AddressHash> clients_;
  std::size_t tidy_at_ =
      kClientsKept;  // so many clients: those of which nothing waits are forgotten
  std::size_t waiting_ = 0;
  std::uint64_t collisions_ = 0;
};

}  // namespace kernspan
