#include "agent/causality/wire_index.h"

#include <cstring>

namespace kernspan {

std::size_t WireIndex::KeyHash::operator()(const Key& key) const noexcept {
  // Sequence numbers start at random and ports differ: the address adds little.
  std::uint64_t address;
  std::memcpy(&address, key.client.ip.data() + 8, sizeof address);
  std::uint64_t mixed = std::uint64_t{key.seq} << 17 ^ std::uint64_t{key.client.port} << 1 ^
                        address ^ static_cast<std::uint64_t>(key.role);
  mixed *= 0x9e3779b97f4a7c15u;
  return mixed ^ mixed >> 29;
}

WireIndex::Key WireIndex::key_of(const Exchange& exchange, Role role) {
  const bool is_client = exchange.role == Role::kClient;
  return {.client = is_client ? exchange.local : exchange.remote,
          .seq = exchange.request_seq,
          .role = role};
}

ExchangePtr WireIndex::meet(Exchange& exchange) {
  const Role other = exchange.role == Role::kClient ? Role::kServer : Role::kClient;
  if (const auto found = waiting_.find(key_of(exchange, other)); found != waiting_.end()) {
    ExchangePtr peer = found->second;
    waiting_.erase(found);
    return peer;
  }
  const auto [place, is_new] =
      waiting_.try_emplace(key_of(exchange, exchange.role), ExchangePtr(&exchange));
  if (!is_new) {
    ++collisions_;
    place->second = ExchangePtr(&exchange);
  }
  return {};
}

void WireIndex::withdraw(const Exchange& exchange) {
  const auto found = waiting_.find(key_of(exchange, exchange.role));
  if (found != waiting_.end() && found->second.get() == &exchange) waiting_.erase(found);
}

}  // namespace kernspan
