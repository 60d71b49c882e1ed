#pragma once

#include <cstddef>
#include <string>

#include "agent/kube/kubelet_client.h"
#include "agent/kube/pod_directory.h"
#include "agent/process/pod_resource.h"
#include "agent/receiver/pod_enrichment.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {

enum class KubeletAuth { kServiceAccount, kTls, kNone };

// `kubernetes` of the `ebpf` receiver (docs/configuration.md). Names and words are those of
// upstream's kubeletstats receiver where it has them.
struct KubernetesConfig {
  bool enabled = false;  // the section is there
  KubeletAuth auth = KubeletAuth::kServiceAccount;
  std::string endpoint = {};    // empty, or ":port": this node, by its name or address
  std::string token_file = {};  // empty: the service account's
  std::string ca_file = {};     // empty: the service account's, or the system's
  kube::KubeletSettings kubelet = {};
  kube::PodDirectory::Settings directory = {};
  PodEnrichment::Settings enrichment = {};
  process::PodAttributeOptions attributes = {};
  bool peers = true;  // service.peer.* of peers that are pods of this node
};

// Problems go to the reader.
void read_kubernetes_config(ConfigReader& reader, KubernetesConfig* config);

// Where the kubelet is and who asks it. `host_name` is the last resort. Never fails: whether that is
// right the first request will tell.
kube::ApiAccess kubelet_access(const KubernetesConfig& config, const kube::AccessSources& sources,
                               const std::string& host_name);

// K8S_NODE_NAME; empty when it is not set.
std::string node_name(const kube::AccessSources& sources);

}  // namespace kernspan
