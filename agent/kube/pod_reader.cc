#include "agent/kube/pod_reader.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "agent/kube/owner_rules.h"
#include "pipeline/kubernetes/image_name.h"

namespace kernspan::kube {
namespace {

using nlohmann::json;

// The API's own bounds are 63 bytes for a label's value and 256 KiB for all annotations of a pod.
constexpr std::size_t kTextBytesMax = 4096;
constexpr std::size_t kPairsMax = 256;
constexpr std::size_t kContainersMax = 256;
constexpr std::size_t kIpsMax = 16;

constexpr const char* kConfigHash = "kubernetes.io/config.hash";
constexpr const char* kConfigMirror = "kubernetes.io/config.mirror";
constexpr const char* kConfigSource = "kubernetes.io/config.source";

struct ContainerLists {
  ContainerKind kind;
  const char* specs;
  const char* statuses;
};
constexpr ContainerLists kLists[] = {
    {ContainerKind::kRegular, "containers", "containerStatuses"},
    {ContainerKind::kInit, "initContainers", "initContainerStatuses"},
    {ContainerKind::kEphemeral, "ephemeralContainers", "ephemeralContainerStatuses"},
};

// "containerd://0123..." is the runtime and the id; docker-shim wrote "docker-pullable://" as well.
std::pair<std::string_view, std::string_view> split_scheme(std::string_view text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return {{}, text};
  return {text.substr(0, colon), text.substr(colon + 3)};
}

class PodParser {
 public:
  PodParser(const PodFields& fields, std::uint64_t& left_out)
      : fields_(fields), left_out_(left_out) {}

  Result<Pod> parse(const json& pod) {
    const json& metadata = object(pod, "metadata");
    const json& spec = object(pod, "spec");
    const json& status = object(pod, "status");
    pod_.uid = text(metadata, "uid");
    pod_.name = text(metadata, "name");
    pod_.namespace_name = text(metadata, "namespace");
    pod_.node_name = text(spec, "nodeName");
    pod_.host_network = flag(spec, "hostNetwork");
    pod_.start_time = text(status, "startTime");
    const std::string phase = text(status, "phase");
    pod_.is_finished = phase == "Succeeded" || phase == "Failed";
    read_ips(status);
    pod_.labels = pairs(object(metadata, "labels"), [](const auto&, const auto&) { return true; });
    read_annotations(object(metadata, "annotations"));
    read_owner(metadata);
    for (const ContainerLists& names : kLists) read_containers(spec, status, names);
    if (bad_field_ == nullptr) {
      for (const auto& [value, key] : {std::pair{&pod_.uid, "uid"},
                                       {&pod_.name, "name"},
                                       {&pod_.namespace_name, "namespace"}}) {
        if (value->empty()) bad_field_ = key;
      }
    }
    if (bad_field_ != nullptr) {
      return permanent(std::string("its field ") + bad_field_ +
                       " is missing or not as the API has it");
    }
    return std::move(pod_);
  }

 private:
  // Null when the key is absent; a value of another type makes the pod a bad one.
  template <typename IsRight>
  const json& value(const json& of, const char* key, IsRight is_right) {
    static const json nothing;
    if (!of.is_object()) return nothing;
    const auto found = of.find(key);
    if (found == of.end() || found->is_null()) return nothing;
    if (is_right(*found)) return *found;
    bad_field_ = key;
    return nothing;
  }
  const json& object(const json& of, const char* key) {
    return value(of, key, [](const json& found) { return found.is_object(); });
  }
  const json& list(const json& of, const char* key) {
    return value(of, key, [](const json& found) { return found.is_array(); });
  }
  std::string text(const json& of, const char* key) {
    const json& found = value(of, key, [](const json& one) { return one.is_string(); });
    if (!found.is_string()) return {};
    const auto& read = found.get_ref<const std::string&>();
    if (read.size() <= kTextBytesMax) return read;
    ++left_out_;
    return {};
  }
  bool flag(const json& of, const char* key) {
    const json& found = value(of, key, [](const json& one) { return one.is_boolean(); });
    return found.is_boolean() && found.get<bool>();
  }
  std::uint32_t number(const json& of, const char* key) {
    const json& found = value(of, key, [](const json& one) { return one.is_number_integer(); });
    if (!found.is_number_integer()) return 0;
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(found.get<std::int64_t>(), 0, INT32_MAX));
  }

  using KeepPair = std::function<bool(const std::string& key, const std::string& value)>;

  // In the order of the keys, as nlohmann's objects are.
  Pairs pairs(const json& of, const KeepPair& keep) {
    Pairs read;
    if (!of.is_object()) return read;
    for (const auto& [key, found] : of.items()) {
      if (!found.is_string()) {
        bad_field_ = "labels or annotations";
        continue;
      }
      const auto& kept = found.get_ref<const std::string&>();
      if (!keep(key, kept)) continue;
      if (read.size() == kPairsMax || key.size() > kTextBytesMax || kept.size() > kTextBytesMax) {
        ++left_out_;
        continue;
      }
      read.emplace_back(key, kept);
    }
    read.shrink_to_fit();
    return read;
  }

  void read_annotations(const json& annotations) {
    pod_.annotations = pairs(annotations, [this](const auto& key, const auto& value) {
      return value.size() <= PodFields::kShortValueBytes ||
             std::ranges::find(fields_.annotations, key) != fields_.annotations.end() ||
             std::ranges::any_of(fields_.annotation_prefixes, [&](const std::string& prefix) {
               return key.starts_with(prefix);
             });
    });
    const std::string source = text(annotations, kConfigSource);
    const bool is_mirror = !text(annotations, kConfigMirror).empty();
    pod_.is_static = is_mirror || (!source.empty() && source != "api");
    if (pod_.is_static) pod_.config_hash = text(annotations, kConfigHash);
  }

  void read_ips(const json& status) {
    const auto add = [this](std::string ip) {
      if (ip.empty() || std::ranges::find(pod_.ips, ip) != pod_.ips.end()) return;
      if (pod_.ips.size() == kIpsMax) {
        ++left_out_;
        return;
      }
      pod_.ips.push_back(std::move(ip));
    };
    add(text(status, "podIP"));
    for (const json& one : list(status, "podIPs")) add(text(one, "ip"));
  }

  void read_owner(const json& metadata) {
    const json* chosen = nullptr;
    for (const json& owner : list(metadata, "ownerReferences")) {
      if (chosen == nullptr || flag(owner, "controller")) chosen = &owner;
    }
    if (chosen != nullptr) {
      pod_.owner = {.kind = text(*chosen, "kind"),
                    .name = text(*chosen, "name"),
                    .uid = text(*chosen, "uid")};
    } else if (pod_.is_static) {
      // The kubelet's own copy of a static pod has no owner; its mirror in the API names the node.
      pod_.owner = {.kind = "Node", .name = pod_.node_name};
    }
    const std::string* hash = pod_.label("pod-template-hash");
    pod_.top_owner = top_owner(pod_.owner, hash ? std::string_view(*hash) : std::string_view(),
                               unix_seconds(text(metadata, "creationTimestamp")));
  }

  void read_containers(const json& spec, const json& status, const ContainerLists& names) {
    const json& specs = list(spec, names.specs);
    // No more room than that: pods are kept by the thousand.
    pod_.containers.reserve(std::min(pod_.containers.size() + specs.size(), kContainersMax));
    for (const json& one : specs) {
      if (pod_.containers.size() == kContainersMax) {
        ++left_out_;
        continue;
      }
      read_container(one, names.kind);
    }
    for (const json& one : list(status, names.statuses)) {
      const std::string name = text(one, "name");
      const auto known = std::ranges::find_if(pod_.containers, [&](const Container& container) {
        return container.kind == names.kind && container.name == name;
      });
      if (known == pod_.containers.end()) {
        ++left_out_;
      } else {
        read_status(one, *known);
      }
    }
  }

  void read_container(const json& spec, ContainerKind kind) {
    ImageName image = parse_image(text(spec, "image"));
    Container container{.name = text(spec, "name"),
                        .kind = kind,
                        .image_name = std::move(image.repository),
                        .image_digest = std::move(image.digest)};
    if (!image.tag.empty()) container.image_tags.push_back(std::move(image.tag));
    for (const json& variable : list(spec, "env")) {
      const std::string name = text(variable, "name");
      std::string* const kept = name == "OTEL_SERVICE_NAME" ? &container.otel_service_name
                                : name == "OTEL_RESOURCE_ATTRIBUTES"
                                    ? &container.otel_resource_attributes
                                    : nullptr;
      if (kept == nullptr) continue;
      std::string literal = text(variable, "value");
      // $(NAME) stands for another variable, which may come from anywhere.
      if (!literal.contains("$(")) *kept = std::move(literal);
    }
    pod_.containers.push_back(std::move(container));
  }

  void read_status(const json& status, Container& container) {
    const std::uint32_t restarts = number(status, "restartCount");
    const json& state = object(status, "state");
    const json& last_state = object(status, "lastState");
    add_run(container, text(status, "containerID"), restarts);
    add_run(container, text(object(state, "running"), "containerID"), restarts);
    add_run(container, text(object(state, "terminated"), "containerID"), restarts);
    add_run(container, text(object(last_state, "terminated"), "containerID"),
            restarts > 0 ? restarts - 1 : 0);
    const std::string image_id = text(status, "imageID");
    const std::string_view digest = split_scheme(image_id).second;
    if (digest.contains("@sha256:")) container.image_repo_digest = digest;
  }

  static void add_run(Container& container, const std::string& full_id, std::uint32_t restarts) {
    const auto [runtime, id] = split_scheme(full_id);
    if (id.empty()) return;
    if (container.runtime.empty()) container.runtime = runtime;
    if (std::ranges::find(container.runs, id, &ContainerRun::id) != container.runs.end()) return;
    container.runs.push_back({.id = std::string(id), .restart_count = restarts});
  }

  const PodFields& fields_;
  std::uint64_t& left_out_;
  Pod pod_;
  const char* bad_field_ = nullptr;
};

}  // namespace

Result<Pod> parse_pod(std::string_view json_text, const PodFields& fields,
                      std::uint64_t* left_out) {
  const json pod = json::parse(json_text, nullptr, false);
  if (!pod.is_object()) return permanent("it is not a JSON object");
  return PodParser(fields, *left_out).parse(pod);
}

}  // namespace kernspan::kube
