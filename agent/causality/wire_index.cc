#include "agent/causality/wire_index.h"

#include <cstring>

namespace kernspan {

std::size_t WireIndex::KeyHash::operator()(const Key& key) const noexcept {
  // Sequence numbers start at random and ports differ: the address adds little.
  std::uint64_t address;
  std::memcpy(&address, key.client.ip.data() + 8, sizeof address);
  std::uint64_t mixed =
      std::uint64_t{key.seq} << 17 ^ std::uint64_t{key.client.port} << 1 ^ address;
  mixed *= 0x9e3779b97f4a7c15u;
  return mixed ^ mixed >> 29;
}

WireIndex::Key WireIndex::key_of(const Exchange& exchange) {
  const bool is_client = exchange.role == Role::kClient;
  return {.client = is_client ? exchange.local : exchange.remote, .seq = exchange.request_seq};
}

ExchangePtr WireIndex::meet(Exchange& exchange) {
  const auto [place, is_new] = waiting_.try_emplace(key_of(exchange), ExchangePtr(&exchange));
  exchange.waits_on_wire = true;
  if (is_new) return {};
  if (place->second->role == exchange.role) {
    ++collisions_;
    place->second->waits_on_wire = false;
    place->second = ExchangePtr(&exchange);
    return {};
  }
  ExchangePtr peer = std::move(place->second);
  waiting_.erase(place);
  peer->waits_on_wire = exchange.waits_on_wire = false;
  return peer;
}

void WireIndex::withdraw(Exchange& exchange) {
  if (!exchange.waits_on_wire) return;
  exchange.waits_on_wire = false;
  waiting_.erase(key_of(exchange));
}

}  // namespace kernspan
