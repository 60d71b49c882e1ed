// Follows the cluster's Services and EndpointSlices, of all namespaces, as kube-proxy does. A thread
// each; nobody ever waits for them.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/kube/service_directory.h"
#include "pipeline/base/metrics.h"
#include "pipeline/kubernetes/api_access.h"
#include "pipeline/kubernetes/list_watch.h"

namespace kernspan::kube {

class ServiceWatch {
 public:
  struct Settings {
    std::string owner = "ebpf";  // how messages call the component
    bool endpoints = true;       // false: Services only
    std::chrono::nanoseconds first_wait = std::chrono::milliseconds{800};  // after a failure
    std::chrono::nanoseconds longest_wait = std::chrono::seconds{30};
  };

  // `directory` and `metrics` outlive it.
  ServiceWatch(const Settings& settings, const ApiAccess& access, ServiceDirectory& directory,
               Metrics& metrics);
  ~ServiceWatch();

  void start();
  // The directory is not changed any more when it returns. Idempotent.
  void stop();

 private:
  class TableFiller;

  std::vector<std::unique_ptr<TableFiller>> fillers_;
  std::vector<std::unique_ptr<ListWatch>> watches_;
};

}  // namespace kernspan::kube
