#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/kube/kubelet_client.h"
#include "agent/kube/pod_directory.h"
#include "agent/receiver/pod_enrichment.h"
#include "pipeline/base/metrics.h"

namespace kernspan {

// What is counted of the kubelet and of pods, at one moment.
struct KubernetesSnapshot {
  kube::KubeletClient::Snapshot kubelet;
  PodEnrichmentCounters enrichment;
  kube::PodDirectoryCounters directory;
  std::size_t pods = 0;
  std::size_t pods_max = 0;
  std::size_t container_ids = 0;
  std::size_t containers_remembered = 0;
  std::uint64_t now_ns = 0;
};

void add_kubernetes_families(const KubernetesSnapshot& now, const std::string& receiver,
                             std::vector<MetricFamily>& families);

}  // namespace kernspan
