#include "pipeline/processors/k8s_attributes/k8s_attributes_processor.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>
#include <thread>
#include <utility>

#include "pipeline/component/hand_on.h"
#include "pipeline/component/request_peer.h"
#include "pipeline/otlp/resource_edit.h"
#include "pipeline/processors/k8s_attributes/pod_identity.h"

namespace kernspan {
namespace {

using otlp::AttributeEditor;
using otlp::ValueKind;
using otlp::ValueView;

std::string text_of(const AttributeEditor& resource, std::string_view key) {
  return std::string(resource.find(key).as_string());
}

bool is_missing(const AttributeEditor& resource, std::string_view key) {
  const ValueView present = resource.find(key);
  return present.kind() == ValueKind::kNone ||
         (present.kind() == ValueKind::kString && present.as_string().empty());
}

// Upstream's rule: what is there stays, unless it is an empty string.
void add(AttributeEditor& resource, std::string_view key, std::string_view encoded) {
  if (is_missing(resource, key)) resource.upsert(key, encoded);
}

void add(AttributeEditor& resource, const EncodedAttributes& attributes) {
  for (const auto& [key, value] : attributes) add(resource, key, value);
}

// Nothing when the resource does not say, or not as a number.
std::optional<std::int64_t> restart_count(const AttributeEditor& resource, bool* is_said) {
  const ValueView value = resource.find("k8s.container.restart_count");
  *is_said = value.kind() != ValueKind::kNone;
  if (value.kind() == ValueKind::kInt) return value.as_int();
  std::int64_t count = 0;
  const std::string_view text = value.as_string();
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  const bool is_number = !text.empty() && parsed.ptr == text.data() + text.size();
  return is_number ? std::optional(count) : std::nullopt;
}

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  K8sAttributesSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  read_k8s_attributes_settings(reader, &settings);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<K8sAttributesProcessor>(context, std::move(settings), next);
}

}  // namespace

K8sAttributesProcessor::K8sAttributesProcessor(const ComponentContext& context,
                                               K8sAttributesSettings settings, Consumer& next,
                                               kube::AccessSources sources)
    : settings_(std::move(settings)),
      path_(context.path),
      books_(context.books),
      next_(next),
      adds_fields_(!settings_.labels.empty() || !settings_.annotations.empty() ||
                   settings_.otel_annotations),
      metadata_(context, settings_, std::move(sources)) {}

Status K8sAttributesProcessor::start() {
  if (settings_.passthrough) return {};
  if (Status started = metadata_.start(); !started) return started;
  if (!settings_.wait_for_metadata) return {};
  const auto deadline = std::chrono::steady_clock::now() +
                        std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                            settings_.wait_for_metadata_timeout);
  while (!metadata_.is_synced()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      metadata_.stop();
      return permanent(path_ +
                       ": failed to wait for k8s metadata: no answer of the Kubernetes API "
                       "within wait_for_metadata_timeout");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return {};
}

void K8sAttributesProcessor::stop(std::chrono::steady_clock::time_point) {
  metadata_.stop();
}

Status K8sAttributesProcessor::consume(otlp::Batch batch) {
  return hand_on(next_, books_,
                 otlp::edit_resources(std::move(batch),
                                      [this](AttributeEditor& resource) { annotate(resource); }));
}

bool K8sAttributesProcessor::has_everything(const AttributeEditor& resource) const {
  if (adds_fields_) return false;
  for (const std::string& name : settings_.metadata.names) {
    if (is_missing(resource, name)) return false;
  }
  return true;
}

void K8sAttributesProcessor::annotate(AttributeEditor& resource) {
  if (!settings_.passthrough && has_everything(resource)) return;
  const ResourceIdentity identity = identity_of_resource(
      settings_.associations, [&](std::string_view key) { return text_of(resource, key); },
      request_peer_address);
  if (!identity.connection_ip.empty() &&
      (settings_.passthrough || settings_.metadata.has("k8s.pod.ip"))) {
    add(resource, "k8s.pod.ip", encoded_text(identity.connection_ip));
  }
  if (settings_.passthrough) return;
  const std::shared_ptr<const KubePod> pod =
      identity.text.empty() ? nullptr : metadata_.pod(identity.text);
  if (pod != nullptr) add_pod(resource, *pod);
  add_related(resource, pod.get());
}

void K8sAttributesProcessor::add_pod(AttributeEditor& resource, const KubePod& pod) {
  add(resource, pod.attributes);
  const MetadataNames& wanted = settings_.metadata;
  if (!pod.replicaset_uid.empty() && wanted.has("k8s.deployment.name")) {
    const auto replicaset = metadata_.object(ObjectKind::kReplicaSet, pod.replicaset_uid);
    const std::string name = replicaset != nullptr ? replicaset->owner_name
                                                   : deployment_of_replicaset(pod.replicaset_name);
    if (!name.empty()) add(resource, "k8s.deployment.name", encoded_text(name));
  }
  add_containers(resource, pod);
}

void K8sAttributesProcessor::add_containers(AttributeEditor& resource, const KubePod& pod) const {
  const std::string name = text_of(resource, "k8s.container.name");
  const std::string id = text_of(resource, "container.id");
  const KubeContainer* found = nullptr;
  for (const KubeContainer& container : pod.containers) {
    const bool is_it = !name.empty() ? container.name == name
                       : !id.empty() ? std::ranges::find(container.ids, id) != container.ids.end()
                                     : pod.containers.size() == 1;
    if (is_it) found = &container;
  }
  if (found == nullptr) return;
  add(resource, found->attributes);
  bool is_said = false;
  const auto count = restart_count(resource, &is_said);
  if (found->runs.empty() || (is_said && !count)) return;
  // Not said: the one that runs now.
  const auto run = is_said ? found->runs.find(*count) : std::prev(found->runs.end());
  if (run != found->runs.end()) add(resource, run->second);
}

void K8sAttributesProcessor::add_object(AttributeEditor& resource, ObjectKind kind,
                                        const std::string& key) {
  if (const auto object = metadata_.object(kind, key)) add(resource, object->attributes);
}

// What leads from the pod, or from the resource when the pod is not known, to other objects.
void K8sAttributesProcessor::add_related(AttributeEditor& resource, const KubePod* pod) {
  const MetadataNames& wanted = settings_.metadata;
  const auto key = [&](const std::string KubePod::* of_pod, std::string_view attribute) {
    return pod != nullptr && !(pod->*of_pod).empty() ? pod->*of_pod : text_of(resource, attribute);
  };
  const std::string namespace_name = key(&KubePod::namespace_name, "k8s.namespace.name");
  add_object(resource, ObjectKind::kNamespace, namespace_name);
  if (wanted.has("k8s.cluster.uid")) {
    const auto system = metadata_.object(ObjectKind::kNamespace, "kube-system");
    if (system != nullptr) add(resource, "k8s.cluster.uid", encoded_text(system->uid));
  }
  if (const auto node = metadata_.object(ObjectKind::kNode, key(&KubePod::node, "k8s.node.name"))) {
    add(resource, node->attributes);
    if (wanted.has("k8s.node.uid")) add(resource, "k8s.node.uid", encoded_text(node->uid));
  }
  std::string deployment = text_of(resource, "k8s.deployment.uid");
  if (pod != nullptr) {
    const auto replicaset = metadata_.object(ObjectKind::kReplicaSet, pod->replicaset_uid);
    if (replicaset != nullptr && !replicaset->owner_uid.empty()) {
      deployment = replicaset->owner_uid;
      if (wanted.has("k8s.deployment.uid")) {
        add(resource, "k8s.deployment.uid", encoded_text(deployment));
      }
    }
  }
  add_object(resource, ObjectKind::kDeployment, deployment);
  add_object(resource, ObjectKind::kStatefulSet,
             key(&KubePod::statefulset_uid, "k8s.statefulset.uid"));
  add_object(resource, ObjectKind::kDaemonSet, key(&KubePod::daemonset_uid, "k8s.daemonset.uid"));
  if (const auto job = metadata_.object(ObjectKind::kJob, key(&KubePod::job_uid, "k8s.job.uid"))) {
    add(resource, job->attributes);
    if (wanted.has("k8s.cronjob.uid") && !job->owner_uid.empty()) {
      add(resource, "k8s.cronjob.uid", encoded_text(job->owner_uid));
    }
  }
}

ProcessorFactory k8s_attributes_processor_factory() {
  return {.type = "k8s_attributes",
          .deprecated_names = {"k8sattributes"},
          .signals = kTracesAndMetrics,
          .create = create};
}

}  // namespace kernspan
