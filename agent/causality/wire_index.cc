#include "agent/causality/wire_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kernspan {

std::size_t WireIndex::AddressHash::operator()(const SocketAddress& address) const noexcept {
  std::uint64_t low;
  std::memcpy(&low, address.ip.data() + 8, sizeof low);
  std::uint64_t mixed = (low ^ std::uint64_t{address.port} << 48) * 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ mixed >> 32) * 0xff51afd7ed558ccdu;
  return mixed ^ mixed >> 32;
}

WireIndex::Waiting& WireIndex::Client::at(std::uint32_t seq) {
  if (ends_.empty()) base_ = seq - (1U << 31);
  const std::uint32_t place = seq - base_;
  if (ends_.empty() || place > ends_.back().place) {
    return ends_.emplace_back(Waiting{.place = place, .exchange = {}});
  }
  if (ends_[first_].place == place) return ends_[first_];
  const auto found =
      std::lower_bound(ends_.begin() + static_cast<std::ptrdiff_t>(first_), ends_.end(), place,
                       [](const Waiting& end, std::uint32_t wanted) { return end.place < wanted; });
  if (found->place == place) {
    if (!found->exchange) --gone_;
    return *found;
  }
  return *ends_.insert(found, Waiting{.place = place, .exchange = {}});
}

void WireIndex::Client::remove(Waiting& end) {
  end.exchange = {};
  ++gone_;
  while (!ends_.empty() && !ends_.back().exchange && ends_.size() > first_) {
    ends_.pop_back();
    --gone_;
  }
  while (first_ < ends_.size() && !ends_[first_].exchange) {
    ++first_;
    --gone_;
  }
  if (first_ == ends_.size()) {
    if (ends_.capacity() > kCapacityKept) ends_ = {};
    ends_.clear();
    first_ = gone_ = 0;
  } else if (first_ + gone_ > kGoneKept && (first_ + gone_) * 2 > ends_.size()) {
    // A stream that lives long may wait before all others.
    std::erase_if(ends_, [](const Waiting& other) { return !other.exchange; });
    first_ = gone_ = 0;
  }
}

WireIndex::Client& WireIndex::client_of(const Exchange& exchange) {
  if (clients_.size() >= tidy_at_) {
    std::erase_if(clients_, [](const auto& entry) { return entry.second.empty(); });
    tidy_at_ = std::max(kClientsKept, clients_.size() * 2);
  }
  return clients_[exchange.role == Role::kClient ? exchange.local : exchange.remote];
}

ExchangePtr WireIndex::meet(Exchange& exchange) {
  Client& client = client_of(exchange);
  Waiting& end = client.at(exchange.request_seq);
  if (end.exchange && end.exchange->role != exchange.role) {
    ExchangePtr peer = std::move(end.exchange);
    client.remove(end);
    --waiting_;
    peer->waits_on_wire = false;
    return peer;
  }
  if (end.exchange) {
    ++collisions_;
    end.exchange->waits_on_wire = false;
  } else {
    ++waiting_;
  }
  end.exchange = ExchangePtr(&exchange);
  exchange.waits_on_wire = true;
  return {};
}

void WireIndex::withdraw(Exchange& exchange) {
  if (!exchange.waits_on_wire) return;
  exchange.waits_on_wire = false;
  Client& client = client_of(exchange);
  client.remove(client.at(exchange.request_seq));
  --waiting_;
}

}  // namespace kernspan
