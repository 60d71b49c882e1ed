#include "agent/kube/service_directory.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace kernspan::kube {

std::optional<ServiceIp> service_ip(const std::string& text) {
  ServiceIp ip{};
  if (inet_pton(AF_INET6, text.c_str(), ip.data()) == 1) return ip;
  ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
  if (inet_pton(AF_INET, text.c_str(), ip.data() + 12) == 1) return ip;
  return std::nullopt;
}

std::optional<ServiceName> ServiceTable::find(const ServiceIp& ip, std::uint16_t port) const {
  const std::scoped_lock lock(mutex_);
  const auto [first, last] = by_ip_.equal_range(ip);
  const ServiceName* only = nullptr;
  bool has_port = false;
  for (auto each = first; each != last; ++each) {
    const ServiceAddresses& addresses = *each->second;
    if (only != nullptr && *only != addresses.service) return std::nullopt;
    only = &addresses.service;
    has_port |=
        addresses.any_port || std::ranges::find(addresses.ports, port) != addresses.ports.end();
  }
  return has_port ? std::optional(*only) : std::nullopt;
}

ServiceTable::Snapshot ServiceTable::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return {.is_synced = is_synced_, .addresses = by_ip_.size(), .counters = counters_};
}

void ServiceTable::set(const std::string& key, ServiceAddresses addresses) {
  std::ranges::sort(addresses.ips);
  const auto repeated = std::ranges::unique(addresses.ips);
  addresses.ips.erase(repeated.begin(), repeated.end());
  if (addresses.ips.empty()) return remove(key);
  const std::scoped_lock lock(mutex_);
  const auto known = objects_.find(key);
  const bool is_new = known == objects_.end();
  if (!is_new) {
    known->second.list = list_;
    if (known->second.addresses == addresses) return;
    forget(known);
  }
  changed();
  if (by_ip_.size() + addresses.ips.size() > addresses_max_) {
    ++counters_.left_out;
    return;
  }
  ++(is_new ? counters_.added : counters_.updated);
  index(objects_.emplace(key, Object{std::move(addresses), list_}).first->second.addresses);
}

void ServiceTable::remove(const std::string& key) {
  const std::scoped_lock lock(mutex_);
  const auto known = objects_.find(key);
  if (known == objects_.end()) return;
  forget(known);
  ++counters_.deleted;
  changed();
}

void ServiceTable::end_list() {
  const std::scoped_lock lock(mutex_);
  for (auto each = objects_.begin(); each != objects_.end();) {
    const auto object = each++;
    if (object->second.list == list_) continue;
    forget(object);
    ++counters_.deleted;
  }
  is_synced_ = true;
  changed();
}

void ServiceTable::count_bad() {
  const std::scoped_lock lock(mutex_);
  ++counters_.bad;
}

void ServiceTable::index(const ServiceAddresses& addresses) {
  for (const ServiceIp& ip : addresses.ips) by_ip_.emplace(ip, &addresses);
}

void ServiceTable::forget(Objects::iterator object) {
  const ServiceAddresses* const addresses = &object->second.addresses;
  for (const ServiceIp& ip : addresses->ips) {
    const auto [first, last] = by_ip_.equal_range(ip);
    const auto entry =
        std::find_if(first, last, [&](const auto& each) { return each.second == addresses; });
    if (entry != last) by_ip_.erase(entry);
  }
  objects_.erase(object);
}

std::optional<ServiceName> ServiceDirectory::find(const ServiceIp& ip, std::uint16_t port) const {
  std::optional<ServiceName> service = cluster_ips.find(ip, port);
  return service ? service : endpoints.find(ip, port);
}

}  // namespace kernspan::kube
