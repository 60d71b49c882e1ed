#include "gateway/replicas/membership.h"

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::replicas {
namespace {

std::uint64_t count(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

Membership::Membership(std::string self, MembershipSettings settings)
    : self_(std::move(self)), settings_(settings) {}

Membership::Peer* Membership::find_or_add(const std::string& address, std::uint64_t now_ns) {
  if (address == self_ || address.empty()) return nullptr;
  const auto found = peers_.find(address);
  if (found != peers_.end()) return &found->second;
  if (peers_.size() >= kMaxPeers) {
    KERNSPAN_LOG_LIMITED(kWarn, "replicas: {} is left out: more than {} peers", address, kMaxPeers);
    return nullptr;
  }
  Peer& peer = peers_[address];
  peer.named_ns = now_ns;
  return &peer;
}

void Membership::listed(const std::vector<std::string>& addresses, std::uint64_t now_ns) {
  for (auto& [address, peer] : peers_) {
    if (peer.is_listed) peer.named_ns = now_ns;
    peer.is_listed = false;
  }
  for (const std::string& address : addresses) {
    Peer* peer = find_or_add(address, now_ns);
    if (peer == nullptr) continue;
    peer->is_listed = true;
    peer->named_ns = now_ns;
  }
}

void Membership::rumoured(const std::vector<std::string>& addresses, std::uint64_t now_ns) {
  for (const std::string& address : addresses) find_or_add(address, now_ns);
}

void Membership::heard(const std::string& address, std::uint64_t instance, bool leaving,
                       std::uint64_t now_ns) {
  Peer* peer = find_or_add(address, now_ns);
  if (peer == nullptr) return;
  peer->named_ns = now_ns;
  if (peer->instance != instance) {
    // Another process has the address now: what was known of the one before is void.
    const bool is_listed = peer->is_listed;
    *peer = {
        .is_listed = is_listed, .is_leaving = leaving, .instance = instance, .named_ns = now_ns};
    return;
  }
  // Who has left does not come back as the same process: an answer was overtaken.
  peer->is_leaving = peer->is_leaving || leaving;
}

void Membership::reached(const std::string& address, std::uint64_t /*now_ns*/) {
  const auto found = peers_.find(address);
  if (found == peers_.end()) return;
  found->second.failing_since_ns = 0;
  found->second.is_down = false;
}

void Membership::failed(const std::string& address, std::uint64_t now_ns) {
  const auto found = peers_.find(address);
  if (found == peers_.end()) return;
  if (found->second.failing_since_ns == 0) found->second.failing_since_ns = now_ns;
}

void Membership::is_alias(const std::string& address, const std::string& name,
                          std::uint64_t now_ns) {
  const auto found = peers_.find(address);
  if (found == peers_.end() || found->second.is_alias) return;
  found->second.is_alias = true;
  rumoured({name}, now_ns);
  if (found->second.is_listed) {
    log_warn(
        "replicas: the resolver's {} calls itself {}: let the replicas' `address` be what the "
        "resolver names",
        address, name);
  }
}

bool Membership::is_member(const Peer& peer) const {
  if (peer.is_leaving || peer.is_alias || peer.is_down) return false;
  return peer.is_listed || peer.instance != 0;
}

std::vector<std::string> Membership::members(std::uint64_t now_ns) {
  std::erase_if(peers_, [&](const auto& entry) {
    const Peer& peer = entry.second;
    const bool answers = peer.instance != 0 && peer.failing_since_ns == 0 && !peer.is_leaving;
    return !peer.is_listed && !answers && now_ns - peer.named_ns >= count(settings_.forget_after);
  });
  std::vector<std::string> members;
  for (auto& [address, peer] : peers_) {
    if (peer.failing_since_ns != 0 &&
        now_ns - peer.failing_since_ns >= count(settings_.down_after)) {
      peer.is_down = true;
    }
    if (is_member(peer)) members.push_back(address);
  }
  if (!leaving_ || members.empty()) members.push_back(self_);
  std::ranges::sort(members);
  return members;
}

std::vector<std::string> Membership::peers() const {
  std::vector<std::string> addresses;
  for (const auto& [address, peer] : peers_) addresses.push_back(address);
  return addresses;
}

std::size_t Membership::peers_down() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(peers_, [](const auto& entry) { return entry.second.is_down; }));
}

}  // namespace kernspan::replicas
