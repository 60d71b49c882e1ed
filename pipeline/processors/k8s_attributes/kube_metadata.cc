#include "pipeline/processors/k8s_attributes/kube_metadata.h"

#include <fmt/format.h>

#include <utility>

namespace kernspan {
namespace {

struct Resource {
  const char* group;  // of its path
  const char* name;
  bool is_namespaced;
};

constexpr std::array<Resource, kObjectKinds> kResources = {
    {{"/api/v1", "pods", true},
     {"/api/v1", "namespaces", false},
     {"/api/v1", "nodes", false},
     {"/apis/apps/v1", "deployments", true},
     {"/apis/apps/v1", "statefulsets", true},
     {"/apis/apps/v1", "daemonsets", true},
     {"/apis/batch/v1", "jobs", true},
     {"/apis/apps/v1", "replicasets", true}}};

std::string label_selector(const std::vector<FieldFilter>& filters) {
  std::string selector;
  for (const FieldFilter& filter : filters) {
    if (!selector.empty()) selector += ',';
    if (filter.op == "does-not-exist") selector += '!';
    selector += filter.key;
    if (filter.op == "equals") selector += "=" + filter.value;
    if (filter.op == "not-equals") selector += "!=" + filter.value;
  }
  return selector;
}

void add_selector(std::string& query, const char* name, const std::string& selector) {
  if (selector.empty()) return;
  if (!query.empty()) query += '&';
  query += fmt::format("{}={}", name, kube::url_encoded(selector));
}

}  // namespace

KubeMetadata::KubeMetadata(const ComponentContext& context, const K8sAttributesSettings& settings,
                           kube::AccessSources sources)
    : path_(context.path),
      settings_(settings),
      sources_(std::move(sources)),
      metrics_(context.metrics),
      pods_(settings, context.clock, context.metrics, {{"processor", context.id}}) {
  for (std::size_t kind = 1; kind < kObjectKinds; ++kind) {
    if (!needs(static_cast<ObjectKind>(kind))) continue;
    objects_[kind] =
        std::make_unique<ObjectTable>(static_cast<ObjectKind>(kind), settings, context.metrics,
                                      MetricLabels{{"processor", context.id}});
  }
}

bool KubeMetadata::needs(ObjectKind kind) const {
  const MetadataNames& wanted = settings_.metadata;
  if (settings_.asks_for(kind)) return true;
  switch (kind) {
    case ObjectKind::kNamespace:
      return wanted.has("k8s.cluster.uid");
    case ObjectKind::kNode:
      return wanted.has("k8s.node.uid");
    case ObjectKind::kReplicaSet:
      return wanted.has("k8s.deployment.uid") || settings_.asks_for(ObjectKind::kDeployment) ||
             (wanted.has("k8s.deployment.name") && !settings_.deployment_name_from_replicaset);
    case ObjectKind::kJob:
      return wanted.has("k8s.cronjob.uid");
    default:
      return false;
  }
}

std::string KubeMetadata::path_of(ObjectKind kind) const {
  const Resource& resource = kResources[static_cast<std::size_t>(kind)];
  if (resource.is_namespaced && !settings_.namespace_name.empty()) {
    return fmt::format("{}/namespaces/{}/{}", resource.group, settings_.namespace_name,
                       resource.name);
  }
  return fmt::format("{}/{}", resource.group, resource.name);
}

Result<std::string> KubeMetadata::query_of(ObjectKind kind) const {
  std::string node = settings_.node;
  if (!settings_.node_from_env_var.empty()) {
    node = sources_.environment(settings_.node_from_env_var).value_or("");
    if (node.empty()) {
      return permanent(fmt::format(
          "{}: filter::node_from_env_var: {} is not set; add to the pod's manifest env: [{{name: "
          "{}, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}]",
          path_, settings_.node_from_env_var, settings_.node_from_env_var));
    }
  }
  std::string query;
  if (kind == ObjectKind::kNode && !node.empty()) {
    add_selector(query, "fieldSelector", "metadata.name=" + node);
  }
  if (kind != ObjectKind::kPod) return query;
  add_selector(query, "labelSelector", label_selector(settings_.label_filters));
  std::string fields = label_selector(settings_.field_filters);
  if (!node.empty()) fields += (fields.empty() ? "spec.nodeName=" : ",spec.nodeName=") + node;
  add_selector(query, "fieldSelector", fields);
  return query;
}

Result<kube::ApiAccess> KubeMetadata::access() const {
  switch (settings_.auth) {
    case KubeAuth::kNone:
      return kube::anonymous_access(sources_);
    case KubeAuth::kKubeConfig:
      return kube::kubeconfig_access(sources_, settings_.context);
    case KubeAuth::kServiceAccount:
      break;
  }
  return kube::service_account_access(sources_);
}

Status KubeMetadata::start() {
  const auto api = access();
  if (!api) return permanent(path_ + ": " + api.error().message);
  // Pods come last: what they lead to is then likely to be there.
  for (std::size_t kind = kObjectKinds; kind-- > 0;) {
    if (kind != 0 && objects_[kind] == nullptr) continue;
    auto query = query_of(static_cast<ObjectKind>(kind));
    if (!query) return std::unexpected(query.error());
    kube::WatchHandler& handler =
        kind == 0 ? static_cast<kube::WatchHandler&>(pods_) : *objects_[kind];
    watches_.push_back(std::make_unique<kube::ListWatch>(
        kube::ListWatchSettings{.owner = path_,
                                .path = path_of(static_cast<ObjectKind>(kind)),
                                .query = *std::move(query)},
        *api, handler, metrics_));
  }
  for (const auto& watch : watches_) watch->start();
  return {};
}

void KubeMetadata::stop() {
  watches_.clear();
}

bool KubeMetadata::is_synced() const {
  for (const auto& table : objects_) {
    if (table != nullptr && !table->is_synced()) return false;
  }
  return pods_.is_synced();
}

std::shared_ptr<const KubeObject> KubeMetadata::object(ObjectKind kind, const std::string& key) {
  ObjectTable* table = objects_[static_cast<std::size_t>(kind)].get();
  return table == nullptr || key.empty() ? nullptr : table->find(key);
}

}  // namespace kernspan
