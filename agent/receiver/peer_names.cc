#include "agent/receiver/peer_names.h"

#include <string>
#include <utility>

#include "agent/process/otel_environment.h"

namespace kernspan {
namespace {

// The manifest's word counts where it is clear whose it is: an address is that of all containers.
std::string name_in_manifest(const kube::Pod& pod) {
  const kube::Container* only = nullptr;
  for (const kube::Container& container : pod.containers) {
    if (container.kind != kube::ContainerKind::kRegular) continue;
    if (only != nullptr) return {};
    only = &container;
  }
  if (only == nullptr) return {};
  if (!only->otel_service_name.empty()) return only->otel_service_name;
  const auto attributes = process::parse_resource_attributes(only->otel_resource_attributes);
  return attributes ? std::string(process::find_attribute(*attributes, "service.name")) : "";
}

}  // namespace

PeerNames::PeerNames(kube::PodDirectory& directory, process::PodAttributeOptions options,
                     const kube::ServiceDirectory* services)
    : directory_(directory), options_(std::move(options)), services_(services) {}

// Both only grow.
std::uint64_t PeerNames::generation() const {
  return directory_.generation() + (services_ ? services_->generation() : 0);
}

const PeerService* PeerNames::of(const SocketAddress& remote, Role role) {
  const std::uint64_t now = generation();
  if (now != generation_ || known_.size() >= kKnownMax) {
    generation_ = now;
    known_.clear();
  }
  SocketAddress key = remote;
  if (role == Role::kServer) key.port = 0;
  const auto [place, is_new] = known_.try_emplace(key);
  if (is_new) place->second = look_up(key);
  return place->second ? &*place->second : nullptr;
}

std::optional<PeerService> PeerNames::look_up(const SocketAddress& remote) const {
  if (remote.is_loopback()) return std::nullopt;
  const kube::PodPtr pod = directory_.find_ip(remote.ip_text());
  if (!pod) {
    if (services_ == nullptr || remote.port == 0) return std::nullopt;
    auto service = services_->find(remote.ip, remote.port);
    if (!service) return std::nullopt;
    return PeerService{.name = std::move(service->name),
                       .namespace_name = std::move(service->namespace_name)};
  }
  std::string name = name_in_manifest(*pod);
  if (name.empty()) name = process::service_name_of(*pod, options_);
  return PeerService{.name = std::move(name),
                     .namespace_name = process::service_namespace_of(*pod, options_)};
}

}  // namespace kernspan
