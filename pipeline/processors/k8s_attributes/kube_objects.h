// What is kept of Kubernetes' objects: attributes, encoded once, and what leads to other objects.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/processors/k8s_attributes/k8s_attributes_settings.h"

namespace kernspan {

// Key and encoded AnyValue.
using EncodedAttributes = std::vector<std::pair<std::string, std::string>>;

struct KubeContainer {
  EncodedAttributes attributes = {};  // name, image, version
  std::string name = {};
  std::vector<std::string> ids = {};                    // without "containerd://"
  std::map<std::int64_t, EncodedAttributes> runs = {};  // by restart count: id, image's digest
};

struct KubePod {
  std::string uid = {};
  std::string name = {};
  std::string namespace_name = {};
  std::string node = {};
  std::string ip = {};
  bool host_network = false;
  std::string start_time = {};  // RFC 3339, UTC: compares like a time
  bool is_ignored = false;
  EncodedAttributes attributes = {};
  std::vector<KubeContainer> containers = {};
  // Its owners, by uid; empty where there is none of the kind.
  std::string replicaset_uid = {};
  std::string replicaset_name = {};
  std::string statefulset_uid = {};
  std::string daemonset_uid = {};
  std::string job_uid = {};
};

// A namespace, node, deployment, ... .
struct KubeObject {
  std::string uid = {};
  EncodedAttributes attributes = {};
  // Of the controller: a replica set's deployment, a job's cron job.
  std::string owner_uid = {};
  std::string owner_name = {};
};

std::string encoded_text(std::string_view text);

KubePod read_pod(const nlohmann::json& pod, const K8sAttributesSettings& settings);
KubeObject read_object(const nlohmann::json& object, ObjectKind kind,
                       const K8sAttributesSettings& settings);

// "web-5d9c7b8f6c" is of "web", if it looks like what a deployment makes; else empty.
std::string deployment_of_replicaset(const std::string& name);

// A key that a rule's pattern matches: the name that the rule gives it ($1, ${name}).
std::string expanded_tag(const FieldRule& rule, const std::string& key);

}  // namespace kernspan
