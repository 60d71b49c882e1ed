// The Services of the cluster, by their ClusterIPs and by the addresses of their endpoints.
//
// A thread for each of the two tables fills it (service_watch.h); any thread may read. The lock is
// held for the change of one object at a time.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace kernspan::kube {

// IPv6, or IPv4 mapped into it; in network order.
using ServiceIp = std::array<std::uint8_t, 16>;

// Empty for what is no address.
std::optional<ServiceIp> service_ip(const std::string& text);

struct ServiceName {
  std::string namespace_name;
  std::string name;

  bool operator==(const ServiceName&) const = default;
};

// What one object says: a Service of its ClusterIPs, an EndpointSlice of its endpoints.
struct ServiceAddresses {
  ServiceName service;
  std::vector<ServiceIp> ips;
  std::vector<std::uint16_t> ports;
  bool any_port = false;

  bool operator==(const ServiceAddresses&) const = default;
};

struct ServiceTableCounters {
  std::uint64_t added = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
  std::uint64_t left_out = 0;  // for want of room
  std::uint64_t bad = 0;       // objects without a name
};

class ServiceTable {
 public:
  struct Snapshot {
    bool is_synced = false;  // a whole list has come since the start
    std::size_t addresses = 0;
    ServiceTableCounters counters;
  };

  // An address is about 100 bytes, an object about 300 more.
  explicit ServiceTable(std::size_t addresses_max) : addresses_max_(addresses_max) {}

  // --- any thread ---

  // The one service that has the address, if the port is one of its own. Addresses of nodes, which
  // host-network pods share, are those of several.
  std::optional<ServiceName> find(const ServiceIp& ip, std::uint16_t port) const;
  // Grows when find() may have another answer.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  Snapshot snapshot() const;

  // --- the thread that fills it; `key`: namespace and name of the object ---

  void begin_list() { ++list_; }
  void set(const std::string& key, ServiceAddresses addresses);
  void remove(const std::string& key);
  // What was not set since begin_list() is gone.
  void end_list();
  void count_bad();

 private:
  struct Object {
    ServiceAddresses addresses;
    std::uint64_t list = 0;  // the last one that it was in
  };
  using Objects = std::map<std::string, Object>;

  void index(const ServiceAddresses& addresses);
  void forget(Objects::iterator object);
  void changed() { generation_.fetch_add(1, std::memory_order_release); }

  const std::size_t addresses_max_;
  std::atomic<std::uint64_t> generation_ = 0;
  std::uint64_t list_ = 0;  // of the filling thread

  mutable std::mutex mutex_;  // guards all that follows
  Objects objects_;
  std::multimap<ServiceIp, const ServiceAddresses*> by_ip_;  // into objects_
  bool is_synced_ = false;
  ServiceTableCounters counters_;
};

class ServiceDirectory {
 public:
  struct Settings {
    // Clusters are tested with 10,000 Services and 150,000 pods.
    std::size_t cluster_ips_max = 32768;
    std::size_t endpoints_max = 65536;
  };

  explicit ServiceDirectory(Settings settings)
      : cluster_ips(settings.cluster_ips_max), endpoints(settings.endpoints_max) {}

  std::optional<ServiceName> find(const ServiceIp& ip, std::uint16_t port) const;
  std::uint64_t generation() const { return cluster_ips.generation() + endpoints.generation(); }

  ServiceTable cluster_ips;
  ServiceTable endpoints;
};

}  // namespace kernspan::kube
