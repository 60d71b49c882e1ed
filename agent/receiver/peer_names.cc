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

PeerNames::PeerNames(kube::PodDirectory& directory, process::PodAttributeOptions options)
    : directory_(directory), options_(std::move(options)) {}

const PeerService* PeerNames::of(const SocketAddress& remote) {
  const std::uint64_t generation = directory_.generation();
  if (generation != generation_ || known_.size() >= kKnownMax) {
    generation_ = generation;
    known_.clear();
  }
  const auto [place, is_new] = known_.try_emplace(remote.ip);
  if (is_new) place->second = look_up(remote);
  return place->second ? &*place->second : nullptr;
}

std::optional<PeerService> PeerNames::look_up(const SocketAddress& remote) const {
  if (remote.is_loopback()) return std::nullopt;
  const kube::PodPtr pod = directory_.find_ip(remote.ip_text());
  if (!pod) return std::nullopt;
  std::string name = name_in_manifest(*pod);
  if (name.empty()) name = process::service_name_of(*pod, options_);
  return PeerService{.name = std::move(name),
                     .namespace_name = process::service_namespace_of(*pod, options_)};
}

}  // namespace kernspan
