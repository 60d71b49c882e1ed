// What the pods of this node are called by those who talk to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include "agent/conn/socket_address.h"
#include "agent/kube/pod_directory.h"
#include "agent/process/pod_resource.h"
#include "agent/span/span_options.h"

namespace kernspan {

// One thread; the directory is filled by another.
class PeerNames {
 public:
  // `directory` outlives it.
  PeerNames(kube::PodDirectory& directory, process::PodAttributeOptions options);

  // Null when the address is no pod's of this node. Valid until the next call.
  const PeerService* of(const SocketAddress& remote);

  std::size_t size() const { return known_.size(); }

 private:
  // Addresses of anybody come here; beyond that all are looked up anew.
  static constexpr std::size_t kKnownMax = 4096;

  std::optional<PeerService> look_up(const SocketAddress& remote) const;

  kube::PodDirectory& directory_;
  const process::PodAttributeOptions options_;
  std::uint64_t generation_ = 0;
  std::map<std::array<std::uint8_t, 16>, std::optional<PeerService>> known_;
};

}  // namespace kernspan
