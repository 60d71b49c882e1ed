#include "agent/process/pod_resource.h"

#include <algorithm>

#include "agent/process/otel_environment.h"
#include "pipeline/kubernetes/image_name.h"

namespace kernspan::process {
namespace {

constexpr std::string_view kAnnotationPrefix = "resource.opentelemetry.io/";
constexpr std::string_view kServiceKeys[] = {"service.name", "service.namespace", "service.version",
                                             "service.instance.id"};

std::string annotated(const kube::Pod& pod, const PodAttributeOptions& options,
                      std::string_view key) {
  if (!options.otel_annotations) return {};
  const std::string* value = pod.annotation(std::string(kAnnotationPrefix) + std::string(key));
  return value ? *value : std::string();
}

std::string labelled(const kube::Pod& pod, const PodAttributeOptions& options,
                     std::string_view key) {
  if (!options.use_labels_for_resource_attributes) return {};
  const std::string* value = pod.label(key);
  return value ? *value : std::string();
}

std::string first_of(std::initializer_list<std::string> values) {
  for (const std::string& value : values) {
    if (!value.empty()) return value;
  }
  return {};
}

// Kinds that the conventions name; a pod of a kind of somebody's own is called by its own name.
std::string owner_name(const kube::Pod& pod) {
  constexpr std::string_view kKinds[] = {"Deployment", "ReplicaSet", "StatefulSet",
                                         "DaemonSet",  "CronJob",    "Job"};
  const bool is_known = std::ranges::find(kKinds, pod.top_owner.kind) != std::ranges::end(kKinds);
  return is_known ? pod.top_owner.name : std::string();
}

std::string version_of(const kube::Container& container) {
  return kube::service_version_of(
      {.repository = {},
       .tag = container.image_tags.empty() ? std::string() : container.image_tags.front(),
       .digest = container.image_digest});
}

bool is_chosen(const std::vector<std::string>& patterns, std::string_view key) {
  return std::ranges::any_of(patterns, [&](std::string_view pattern) {
    if (!pattern.ends_with('*')) return key == pattern;
    pattern.remove_suffix(1);
    return key.starts_with(pattern);
  });
}

class AttributeList {
 public:
  void add(std::string key, const std::string& value) {
    if (!value.empty()) attributes_.push_back({std::move(key), value});
  }
  void add(std::string key, std::int64_t value) { attributes_.push_back({std::move(key), value}); }
  void add(std::string key, const std::vector<std::string>& values) {
    if (!values.empty()) attributes_.push_back({std::move(key), values});
  }
  // An empty label is one.
  void add_chosen(std::string_view prefix, const kube::Pairs& pairs,
                  const std::vector<std::string>& patterns) {
    if (patterns.empty()) return;
    for (const auto& [key, value] : pairs) {
      if (is_chosen(patterns, key)) attributes_.push_back({std::string(prefix) + key, value});
    }
  }
  void add_owner(const kube::Owner& owner) {
    constexpr std::pair<std::string_view, const char*> kKinds[] = {
        {"Deployment", "k8s.deployment"},
        {"ReplicaSet", "k8s.replicaset"},
        {"StatefulSet", "k8s.statefulset"},
        {"DaemonSet", "k8s.daemonset"},
        {"CronJob", "k8s.cronjob"},
        {"Job", "k8s.job"},
        {"ReplicationController", "k8s.replicationcontroller"}};
    for (const auto& [kind, prefix] : kKinds) {
      if (owner.kind != kind) continue;
      add(std::string(prefix) + ".name", owner.name);
      add(std::string(prefix) + ".uid", owner.uid);
    }
  }
  std::vector<Attribute> take() { return std::move(attributes_); }

 private:
  std::vector<Attribute> attributes_;
};

void add_pod(AttributeList& list, const kube::Pod& pod, const PodAttributeOptions& options) {
  list.add("k8s.namespace.name", pod.namespace_name);
  list.add("k8s.pod.name", pod.name);
  list.add("k8s.pod.uid", pod.uid);
  if (!pod.ips.empty()) list.add("k8s.pod.ip", pod.ips.front());
  list.add("k8s.pod.start_time", pod.start_time);
  list.add("k8s.node.name", first_of({pod.node_name, options.node_name}));
  if (pod.top_owner != pod.owner) list.add_owner(pod.top_owner);
  list.add_owner(pod.owner);
  list.add_chosen("k8s.pod.label.", pod.labels, options.labels);
  list.add_chosen("k8s.pod.annotation.", pod.annotations, options.annotations);
}

}  // namespace

std::string_view to_string(Enrichment enrichment) {
  switch (enrichment) {
    case Enrichment::kWhole:
      return "";
    case Enrichment::kNoContainer:
      return "partial";
    case Enrichment::kNoPod:
      return "missing";
  }
  return "";
}

std::string service_name_of(const kube::Pod& pod, const PodAttributeOptions& options) {
  return first_of({annotated(pod, options, "service.name"),
                   labelled(pod, options, "app.kubernetes.io/instance"),
                   labelled(pod, options, "app.kubernetes.io/name"), owner_name(pod), pod.name});
}

std::string service_namespace_of(const kube::Pod& pod, const PodAttributeOptions& options) {
  return first_of({annotated(pod, options, "service.namespace"), pod.namespace_name});
}

ServiceIdentity service_identity(const ProcessInfo& process, const kube::PodMatch& match,
                                 const PodAttributeOptions& options) {
  ServiceIdentity identity{.name = process.service_name,
                           .namespace_name = process.service_namespace,
                           .version = process.service_version,
                           .instance_id = process.service_instance_id};
  if (!match) return identity;
  const kube::Pod& pod = *match.pod;
  const kube::Container* const container = match.container_info();
  // What the manifest sets and the process does not show: it could not be read, or was cleared.
  ResourceAttributes manifest;
  std::string manifest_name;
  if (container != nullptr) {
    if (auto read = parse_resource_attributes(container->otel_resource_attributes)) {
      manifest = *std::move(read);
    }
    manifest_name = first_of(
        {container->otel_service_name, std::string(find_attribute(manifest, "service.name"))});
  }
  const auto of_manifest = [&](std::string_view key) {
    return std::string(find_attribute(manifest, key));
  };
  if (!process.service_name_configured) {
    identity.name = first_of({manifest_name, service_name_of(pod, options)});
  }
  if (identity.namespace_name.empty()) {
    identity.namespace_name =
        first_of({of_manifest("service.namespace"), service_namespace_of(pod, options)});
  }
  if (identity.version.empty()) {
    identity.version =
        first_of({of_manifest("service.version"), annotated(pod, options, "service.version"),
                  labelled(pod, options, "app.kubernetes.io/version"),
                  container ? version_of(*container) : std::string()});
  }
  if (!process.service_instance_configured) {
    const std::string of_container =
        container ? pod.namespace_name + "." + pod.name + "." + container->name : std::string();
    identity.instance_id = first_of({of_manifest("service.instance.id"),
                                     annotated(pod, options, "service.instance.id"), of_container,
                                     process.service_instance_id});
  }
  return identity;
}

std::vector<Attribute> pod_attributes(const kube::ContainerRef& container,
                                      const PodContext& context,
                                      const PodAttributeOptions& options) {
  AttributeList list;
  const kube::PodMatch& match = context.match;
  if (match) {
    add_pod(list, *match.pod, options);
  } else if (!container.pod_uid.empty()) {
    list.add("k8s.pod.uid", container.pod_uid);
    list.add("k8s.node.name", options.node_name);
  }
  const kube::Container* const info = match.container_info();
  if (info != nullptr) {
    list.add("k8s.container.name", info->name);
    list.add("k8s.container.restart_count", std::int64_t{match.restart_count});
  }
  list.add("container.id", container.container_id);
  if (info != nullptr) {
    list.add("container.image.name", info->image_name);
    list.add("container.image.tags", info->image_tags);
    if (!info->image_repo_digest.empty()) {
      list.add("container.image.repo_digests", std::vector{info->image_repo_digest});
    }
  }
  list.add("container.runtime.name", first_of({info ? info->runtime : std::string(),
                                               std::string(kube::to_string(container.runtime))}));
  list.add(std::string(kEnrichmentKey), std::string(to_string(context.enrichment)));
  return list.take();
}

std::vector<std::pair<std::string, std::string>> annotated_attributes(
    const kube::Pod& pod, const PodAttributeOptions& options) {
  std::vector<std::pair<std::string, std::string>> attributes;
  if (!options.otel_annotations) return attributes;
  for (const auto& [annotation, value] : pod.annotations) {
    if (!annotation.starts_with(kAnnotationPrefix)) continue;
    std::string key = annotation.substr(kAnnotationPrefix.size());
    if (key.empty() || std::ranges::find(kServiceKeys, key) != std::ranges::end(kServiceKeys)) {
      continue;
    }
    attributes.emplace_back(std::move(key), value);
  }
  return attributes;
}

}  // namespace kernspan::process
