// What the pods of this node and the Services of the cluster are called by those who talk to them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "agent/conn/exchange.h"
#include "agent/conn/socket_address.h"
#include "agent/kube/pod_directory.h"
#include "agent/kube/service_directory.h"
#include "agent/process/pod_resource.h"
#include "agent/span/span_options.h"

namespace kernspan {

// One thread; the directories are filled by others.
class PeerNames {
 public:
  // Both directories outlive it. `services` may be null: they are not known.
  PeerNames(kube::PodDirectory& directory, process::PodAttributeOptions options,
            const kube::ServiceDirectory* services = nullptr);

  // The service of the pod of this node that has the address. For clients else the Service that has
  // it as a ClusterIP, else the only one with such an endpoint. Null when there is none. `role`: of
  // this end. Valid until the next call.
  const PeerService* of(const SocketAddress& remote, Role role);

  std::size_t size() const { return known_.size(); }

 private:
  // Addresses of anybody come here; beyond that all are looked up anew.
  static constexpr std::size_t kKnownMax = 4096;

  std::uint64_t generation() const;
  std::optional<PeerService> look_up(const SocketAddress& remote) const;

  kube::PodDirectory& directory_;
  const process::PodAttributeOptions options_;
  const kube::ServiceDirectory* services_;
  std::uint64_t generation_ = 0;
  // Peers that are clients are without their ports, which are of no use and never the same.
  std::map<SocketAddress, std::optional<PeerService>> known_;
};

}  // namespace kernspan
