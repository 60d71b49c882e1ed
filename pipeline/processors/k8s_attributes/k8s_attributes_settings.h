#pragma once

#include <re2/re2.h>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/kubernetes/api_access.h"

namespace kernspan {

// Whose labels and annotations.
enum class ObjectKind : std::uint8_t {
  kPod,
  kNamespace,
  kNode,
  kDeployment,
  kStatefulSet,
  kDaemonSet,
  kJob,
  kReplicaSet,  // not in a configuration: leads to the deployment
};
inline constexpr std::size_t kObjectKinds = 8;

// One rule of extract::labels or extract::annotations.
struct FieldRule {
  std::string key = {};
  std::shared_ptr<const re2::RE2> key_regex = nullptr;  // in place of the key
  std::string tag_name = {};  // with a pattern it may hold $1, ${name}; empty: the default names
  std::string default_prefix = {};  // "k8s.pod.labels."
  ObjectKind from = ObjectKind::kPod;
};

// extract::metadata, a bit for each name.
struct MetadataNames {
  std::vector<std::string> names = {};

  bool has(std::string_view name) const;
};

struct AssociationSource {
  bool is_connection = false;
  std::string name = {};  // of the resource's attribute

  bool operator==(const AssociationSource&) const = default;
};
using Association = std::vector<AssociationSource>;

struct FieldFilter {
  std::string key;
  std::string op;
  std::string value;
};

enum class KubeAuth { kServiceAccount, kNone, kKubeConfig };

struct K8sAttributesSettings {
  KubeAuth auth = KubeAuth::kServiceAccount;
  std::string context = {};  // of the kubeconfig
  bool passthrough = false;
  MetadataNames metadata = {};
  std::vector<FieldRule> labels = {};
  std::vector<FieldRule> annotations = {};
  bool otel_annotations = false;
  bool deployment_name_from_replicaset = false;
  std::string node = {};
  std::string node_from_env_var = {};
  std::string namespace_name = {};
  std::vector<FieldFilter> label_filters = {};
  std::vector<FieldFilter> field_filters = {};
  std::vector<Association> associations = {};
  std::vector<std::shared_ptr<const re2::RE2>> excluded_pods = {};
  bool wait_for_metadata = false;
  std::chrono::nanoseconds wait_for_metadata_timeout = std::chrono::seconds{10};

  // Whether rules ask for labels or annotations of that kind.
  bool asks_for(ObjectKind kind) const;
};

// Upstream's keys, defaults and refusals. Problems go to the reader.
void read_k8s_attributes_settings(ConfigReader& reader, K8sAttributesSettings* settings);

}  // namespace kernspan
