#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/kubernetes/list_watch.h"
#include "pipeline/processors/k8s_attributes/kube_tables.h"

namespace kernspan {

// The tables that the settings need, and the watches that fill them. Pods always; of the others
// only what is asked for, so that the service account needs no more than that.
class KubeMetadata {
 public:
  KubeMetadata(const ComponentContext& context, const K8sAttributesSettings& settings,
               kube::AccessSources sources);

  // Fails where the API's address or credentials are not to be had.
  Status start();
  void stop();
  bool is_synced() const;

  std::shared_ptr<const KubePod> pod(const std::string& identity) { return pods_.find(identity); }
  // Null when it is not known, or its kind is not watched.
  std::shared_ptr<const KubeObject> object(ObjectKind kind, const std::string& key);

 private:
  Result<kube::ApiAccess> access() const;
  std::string path_of(ObjectKind kind) const;
  Result<std::string> query_of(ObjectKind kind) const;
  bool needs(ObjectKind kind) const;

  const std::string path_;
  const K8sAttributesSettings& settings_;
  const kube::AccessSources sources_;
  Metrics& metrics_;
  PodTable pods_;
  std::array<std::unique_ptr<ObjectTable>, kObjectKinds> objects_;
  std::vector<std::unique_ptr<kube::ListWatch>> watches_;
};

}  // namespace kernspan
