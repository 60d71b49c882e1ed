#include "pipeline/processors/k8s_attributes/kube_objects.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "pipeline/kubernetes/image_name.h"
#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/otlp/wire_writer.h"

namespace kernspan {
namespace {

using nlohmann::json;

constexpr std::string_view kOtelPrefix = "resource.opentelemetry.io/";
constexpr const char* kIgnoreAnnotation = "opentelemetry.io/k8s-processor/ignore";

const json& member(const json& object, const char* key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

std::string text(const json& object, const char* key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

void set(EncodedAttributes& attributes, std::string key, std::string_view value) {
  std::string encoded = encoded_text(value);
  const auto known = std::ranges::find(attributes, key, &EncodedAttributes::value_type::first);
  if (known != attributes.end()) {
    known->second = std::move(encoded);
  } else {
    attributes.emplace_back(std::move(key), std::move(encoded));
  }
}

// Labels or annotations by their rules.
void extract(const json& fields, const std::vector<FieldRule>& rules, ObjectKind kind,
             EncodedAttributes& attributes) {
  if (!fields.is_object()) return;
  for (const FieldRule& rule : rules) {
    if (rule.from != kind) continue;
    for (const auto& [key, value] : fields.items()) {
      if (!value.is_string()) continue;
      if (rule.key_regex == nullptr) {
        if (key != rule.key) continue;
        set(attributes, rule.tag_name.empty() ? rule.default_prefix + key : rule.tag_name,
            value.get_ref<const std::string&>());
      } else if (re2::RE2::FullMatch(key, *rule.key_regex)) {
        set(attributes, expanded_tag(rule, key), value.get_ref<const std::string&>());
      }
    }
  }
}

class PodReader {
 public:
  PodReader(const json& pod, const K8sAttributesSettings& settings)
      : metadata_(member(pod, "metadata")),
        spec_(member(pod, "spec")),
        status_(member(pod, "status")),
        settings_(settings) {}

  KubePod read() {
    pod_.uid = text(metadata_, "uid");
    pod_.name = text(metadata_, "name");
    pod_.namespace_name = text(metadata_, "namespace");
    pod_.node = text(spec_, "nodeName");
    pod_.ip = text(status_, "podIP");
    const json& host_network = member(spec_, "hostNetwork");
    pod_.host_network = host_network.is_boolean() && host_network.get<bool>();
    pod_.start_time = text(status_, "startTime");
    read_owners();
    pod_.is_ignored = is_ignored();
    if (pod_.is_ignored) return std::move(pod_);
    own_attributes();
    const json& labels = member(metadata_, "labels");
    const json& annotations = member(metadata_, "annotations");
    extract(labels, settings_.labels, ObjectKind::kPod, pod_.attributes);
    extract(annotations, settings_.annotations, ObjectKind::kPod, pod_.attributes);
    service_attributes(labels);
    otel_annotations(annotations);
    read_containers();
    return std::move(pod_);
  }

 private:
  bool wants(std::string_view name) const { return settings_.metadata.has(name); }
  void add(const char* name, const std::string& value) {
    if (wants(name) && !value.empty()) set(pod_.attributes, name, value);
  }

  bool is_ignored() const {
    std::string asked = text(member(metadata_, "annotations"), kIgnoreAnnotation);
    std::ranges::transform(asked, asked.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (asked.find("true") != std::string::npos) return true;
    return std::ranges::any_of(settings_.excluded_pods, [&](const auto& name) {
      return re2::RE2::PartialMatch(pod_.name, *name);
    });
  }

  void read_owners() {
    const json& owners = member(metadata_, "ownerReferences");
    if (!owners.is_array()) return;
    for (const json& owner : owners) {
      const std::string kind = text(owner, "kind");
      const std::string name = text(owner, "name");
      const std::string uid = text(owner, "uid");
      if (kind == "ReplicaSet") {
        pod_.replicaset_uid = uid;
        pod_.replicaset_name = name;
      } else if (kind == "StatefulSet") {
        pod_.statefulset_uid = uid;
        add("k8s.statefulset.uid", uid);
        add("k8s.statefulset.name", name);
      } else if (kind == "DaemonSet") {
        pod_.daemonset_uid = uid;
        add("k8s.daemonset.uid", uid);
        add("k8s.daemonset.name", name);
      } else if (kind == "Job") {
        pod_.job_uid = uid;
        add("k8s.job.uid", uid);
        add("k8s.job.name", name);
        add("k8s.cronjob.name", cronjob_of(name));
      } else {
        continue;
      }
      add("service.name", kind == "Job" && !cronjob_of(name).empty() ? cronjob_of(name) : name);
    }
    add("k8s.replicaset.uid", pod_.replicaset_uid);
    add("k8s.replicaset.name", pod_.replicaset_name);
  }

  // A cron job's jobs end with the minute they are of.
  static std::string cronjob_of(const std::string& job) {
    static const re2::RE2 kJobName(R"(^(.*)-\d{8,10}$)");
    std::string name;
    return re2::RE2::FullMatch(job, kJobName, &name) ? name : "";
  }

  void own_attributes() {
    add("k8s.namespace.name", pod_.namespace_name);
    add("service.namespace", pod_.namespace_name);
    add("k8s.pod.name", pod_.name);
    if (wants("service.name")) {
      const bool has_owner =
          std::ranges::find(pod_.attributes, std::string("service.name"),
                            &EncodedAttributes::value_type::first) != pod_.attributes.end();
      if (!has_owner) add("service.name", pod_.name);
    }
    add("k8s.pod.uid", pod_.uid);
    add("k8s.pod.hostname", text(spec_, "hostname"));
    add("k8s.pod.ip", pod_.ip);
    add("k8s.pod.start_time", text(metadata_, "creationTimestamp"));
    add("k8s.node.name", pod_.node);
  }

  void service_attributes(const json& labels) {
    add("service.name", text(labels, "app.kubernetes.io/name"));
    add("service.name", text(labels, "app.kubernetes.io/instance"));
    add("service.version", text(labels, "app.kubernetes.io/version"));
  }

  void otel_annotations(const json& annotations) {
    if (!settings_.otel_annotations || !annotations.is_object()) return;
    for (const auto& [key, value] : annotations.items()) {
      if (!key.starts_with(kOtelPrefix) || key.size() == kOtelPrefix.size()) continue;
      if (value.is_string()) {
        set(pod_.attributes, key.substr(kOtelPrefix.size()), value.get_ref<const std::string&>());
      }
    }
  }

  KubeContainer& container(const std::string& name) {
    for (KubeContainer& known : pod_.containers) {
      if (known.name == name) return known;
    }
    pod_.containers.push_back({.name = name});
    return pod_.containers.back();
  }

  void read_containers() {
    for (const char* list : {"containers", "initContainers"}) {
      const json& specs = member(spec_, list);
      if (!specs.is_array()) continue;
      for (const json& spec : specs) read_image(spec);
    }
    for (const char* list : {"containerStatuses", "initContainerStatuses"}) {
      const json& statuses = member(status_, list);
      if (!statuses.is_array()) continue;
      for (const json& status : statuses) read_status(status);
    }
  }

  void read_image(const json& spec) {
    KubeContainer& one = container(text(spec, "name"));
    const kube::ImageName image = kube::parse_image(text(spec, "image"));
    if (wants("container.image.name") && !image.repository.empty()) {
      set(one.attributes, "container.image.name", image.repository);
    }
    if (wants("container.image.tag") && !image.tag.empty()) {
      set(one.attributes, "container.image.tag", image.tag);
    }
    const std::string version = kube::service_version_of(image);
    if (wants("service.version") && !version.empty()) {
      set(one.attributes, "service.version", version);
    }
  }

  void read_status(const json& status) {
    KubeContainer& one = container(text(status, "name"));
    if (wants("k8s.container.name")) set(one.attributes, "k8s.container.name", one.name);
    if (wants("service.instance.id")) {
      set(one.attributes, "service.instance.id",
          pod_.namespace_name + "." + pod_.name + "." + one.name);
    }
    std::string id = text(status, "containerID");
    if (const std::size_t scheme = id.find("://"); scheme != std::string::npos) {
      id.erase(0, scheme + 3);
    }
    if (!id.empty()) one.ids.push_back(id);
    const json& restarts = member(status, "restartCount");
    EncodedAttributes& run =
        one.runs[restarts.is_number_integer() ? restarts.get<std::int64_t>() : 0];
    if (wants("container.id") && !id.empty()) set(run, "container.id", id);
    std::string image = text(status, "imageID");
    if (const std::size_t scheme = image.find("://"); scheme != std::string::npos) {
      image.erase(0, scheme + 3);
    }
    if (wants("container.image.repo_digests") && image.contains("@sha256:")) {
      otlp::WireWriter list;
      list.begin(otlp::wire::any_value::kArray);
      list.begin(otlp::wire::value_list::kValues);
      list.bytes(otlp::wire::any_value::kString, image);
      list.end();
      list.end();
      run.emplace_back("container.image.repo_digests", list.finish());
    }
  }

  const json& metadata_;
  const json& spec_;
  const json& status_;
  const K8sAttributesSettings& settings_;
  KubePod pod_;
};

}  // namespace

std::string encoded_text(std::string_view value) {
  return otlp::encode_value(otlp::AttributeValue(value));
}

KubePod read_pod(const json& pod, const K8sAttributesSettings& settings) {
  return PodReader(pod, settings).read();
}

KubeObject read_object(const json& object, ObjectKind kind, const K8sAttributesSettings& settings) {
  KubeObject read;
  const json& metadata = member(object, "metadata");
  read.uid = text(metadata, "uid");
  extract(member(metadata, "labels"), settings.labels, kind, read.attributes);
  extract(member(metadata, "annotations"), settings.annotations, kind, read.attributes);
  const json& owners = member(metadata, "ownerReferences");
  if (!owners.is_array()) return read;
  for (const json& owner : owners) {
    const json& is_controller = member(owner, "controller");
    if (!is_controller.is_boolean() || !is_controller.get<bool>()) continue;
    const std::string wanted = kind == ObjectKind::kJob ? "CronJob" : "Deployment";
    if (text(owner, "kind") != wanted) continue;
    read.owner_uid = text(owner, "uid");
    read.owner_name = text(owner, "name");
  }
  return read;
}

std::string deployment_of_replicaset(const std::string& name) {
  static const re2::RE2 kReplicaSetName("^(.+)-[0-9a-z]{6,10}$");
  std::string deployment;
  return re2::RE2::FullMatch(name, kReplicaSetName, &deployment) ? deployment : "";
}

std::string expanded_tag(const FieldRule& rule, const std::string& key) {
  if (rule.tag_name.empty()) return rule.default_prefix + key;
  const int groups = rule.key_regex->NumberOfCapturingGroups();
  std::vector<re2::StringPiece> found(static_cast<std::size_t>(groups) + 1);
  if (!rule.key_regex->Match(key, 0, key.size(), re2::RE2::ANCHOR_BOTH, found.data(), groups + 1)) {
    return rule.tag_name;
  }
  const auto value_of = [&](const std::string& reference) -> std::string {
    const bool is_number =
        !reference.empty() && reference.size() < 4 &&
        std::ranges::all_of(reference, [](unsigned char c) { return std::isdigit(c) != 0; });
    std::size_t group = found.size();
    if (is_number) {
      group = static_cast<std::size_t>(std::stoi(reference));
    } else if (const auto& named = rule.key_regex->NamedCapturingGroups();
               named.contains(reference)) {
      group = static_cast<std::size_t>(named.at(reference));
    }
    return group < found.size() ? std::string(found[group].data(), found[group].size()) : "";
  };
  const auto is_word = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  std::string tag;
  const std::string& name = rule.tag_name;
  for (std::size_t i = 0; i < name.size();) {
    if (name[i] != '$' || i + 1 == name.size()) {
      tag += name[i++];
      continue;
    }
    const std::size_t close = name[i + 1] == '{' ? name.find('}', i) : std::string::npos;
    if (close != std::string::npos) {
      tag += value_of(name.substr(i + 2, close - i - 2));
      i = close + 1;
      continue;
    }
    std::size_t end = i + 1;
    while (end < name.size() && is_word(static_cast<unsigned char>(name[end]))) ++end;
    tag += end == i + 1 ? "$" : value_of(name.substr(i + 1, end - i - 1));
    i = end;
  }
  return tag;
}

}  // namespace kernspan
