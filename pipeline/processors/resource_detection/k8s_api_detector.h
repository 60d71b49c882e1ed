#pragma once

#include "pipeline/component/config_reader.h"
#include "pipeline/processors/resource_detection/attribute_switches.h"
#include "pipeline/processors/resource_detection/detector.h"

namespace kernspan {

// `k8s_api`: k8s.node.name from an environment variable that the pod's manifest sets from
// spec.nodeName, and k8s.node.uid from the API server, with the pod's service account.
struct K8sApiDetectorSettings {
  std::string node_from_env_var = "K8S_NODE_NAME";
  bool uses_service_account = true;  // auth_type
  AttributeSwitches attributes{{{"k8s.node.name", true}, {"k8s.node.uid", true}}};

  void read(ConfigReader& detector);
};

std::unique_ptr<Detector> make_k8s_api_detector(K8sApiDetectorSettings settings,
                                                const DetectionSources& sources);

}  // namespace kernspan
