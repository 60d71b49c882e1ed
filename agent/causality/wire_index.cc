#include "agent/causality/wire_index.h"

#include <cstring>
#include <utility>

namespace kernspan {
namespace {

const SocketAddress& client_of(const Exchange& exchange) {
  return exchange.role == Role::kClient ? exchange.local : exchange.remote;
}

bool same_request(const Exchange& a, const Exchange& b) {
  return a.request_seq == b.request_seq && client_of(a) == client_of(b);
}

std::uint64_t hash_of(const Exchange& exchange) {
  const SocketAddress& client = client_of(exchange);
  std::uint64_t address;
  std::memcpy(&address, client.ip.data() + 8, sizeof address);
  // Requests of equal size make arithmetic series of sequence numbers: both steps are needed to
  // spread these over the low bits (the finalizer of MurmurHash3).
  std::uint64_t mixed =
      address * 0x9e3779b97f4a7c15u ^ (std::uint64_t{exchange.request_seq} << 16 | client.port);
  mixed = (mixed ^ mixed >> 33) * 0xff51afd7ed558ccdu;
  mixed = (mixed ^ mixed >> 33) * 0xc4ceb9fe1a85ec53u;
  return mixed ^ mixed >> 33;
}

}  // namespace

std::size_t WireIndex::find(std::uint64_t hash, const Exchange& exchange) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].exchange &&
         (slots_[at].hash != hash || !same_request(*slots_[at].exchange, exchange))) {
    at = (at + 1) & mask;
  }
  return at;
}

// Moves back what had to go past the freed slot, so that no search stops too early.
void WireIndex::erase(std::size_t at) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t next = (at + 1) & mask; slots_[next].exchange; next = (next + 1) & mask) {
    const std::size_t home = slots_[next].hash & mask;
    if (((next - home) & mask) < ((next - at) & mask)) continue;
    slots_[at] = std::move(slots_[next]);
    at = next;
  }
  slots_[at] = {};
  --waiting_;
}

void WireIndex::grow() {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  for (Slot& slot : old) {
    if (slot.exchange) slots_[find(slot.hash, *slot.exchange)] = std::move(slot);
  }
}

ExchangePtr WireIndex::meet(Exchange& exchange) {
  if (waiting_ * 2 >= slots_.size()) grow();
  const std::uint64_t hash = hash_of(exchange);
  const std::size_t at = find(hash, exchange);
  Slot& slot = slots_[at];
  if (!slot.exchange) {
    slot = {.hash = hash, .exchange = ExchangePtr(&exchange)};
    exchange.waits_on_wire = true;
    ++waiting_;
    return {};
  }
  if (slot.exchange->role == exchange.role) {
    ++collisions_;
    slot.exchange->waits_on_wire = false;
    slot.exchange = ExchangePtr(&exchange);
    exchange.waits_on_wire = true;
    return {};
  }
  ExchangePtr peer = std::move(slot.exchange);
  erase(at);
  peer->waits_on_wire = false;
  return peer;
}

void WireIndex::withdraw(Exchange& exchange) {
  if (!exchange.waits_on_wire) return;
  exchange.waits_on_wire = false;
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash_of(exchange) & mask;
  while (slots_[at].exchange.get() != &exchange) at = (at + 1) & mask;
  erase(at);
}

}  // namespace kernspan
