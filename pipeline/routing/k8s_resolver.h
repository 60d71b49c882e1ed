#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/kubernetes/api_access.h"
#include "pipeline/kubernetes/list_watch.h"
#include "pipeline/routing/endpoint_set.h"
#include "pipeline/routing/resolver.h"

namespace kernspan {

// Watches the EndpointSlices of a service: an endpoint is in the set while it is ready. The service
// account needs the verbs list and watch on endpointslices of discovery.k8s.io.
class K8sResolver final : public Resolver, private kube::WatchHandler {
 public:
  K8sResolver(K8sResolverSettings settings, const ResolverContext& context,
              kube::AccessSources sources = kube::system_sources());
  ~K8sResolver() override;

  // Fails where the API's address or credentials are not to be had.
  Status start(OnChange on_change) override;
  void stop() override;

 private:
  using Slices = std::map<std::string, std::vector<std::string>>;  // by name

  void on_list_begin() override;
  void on_object(const nlohmann::json& slice) override;
  void on_deleted(const nlohmann::json& slice) override;
  void on_list_end() override;
  void on_failure(const std::string& message) override;
  std::vector<std::string> endpoints_of(const nlohmann::json& slice);
  void publish();

  K8sResolverSettings settings_;
  const std::string path_;
  Metrics& metrics_;
  const kube::AccessSources sources_;
  EndpointSet endpoints_;
  bool in_list_ = false;
  Slices listed_;  // by a list that has not ended
  Slices slices_;
  std::unique_ptr<kube::ListWatch> watch_;
};

}  // namespace kernspan
