// A pod's access to the API: kubernetes.io/docs/tasks/run-application/access-api-from-pod.
#include "pipeline/processors/resource_detection/k8s_api_detector.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "pipeline/base/log.h"
#include "pipeline/processors/resource_detection/http_fetch.h"

namespace kernspan {
namespace {

constexpr const char* kServiceAccount = "var/run/secrets/kubernetes.io/serviceaccount";

// The name goes into an URL: it must be a DNS subdomain, as Kubernetes demands of it.
bool is_node_name(const std::string& name) {
  return !name.empty() && name.size() <= 253 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

class K8sApiDetector final : public Detector {
 public:
  K8sApiDetector(K8sApiDetectorSettings settings, const DetectionSources& sources)
      : settings_(std::move(settings)), sources_(sources) {}

  Result<DetectedAttributes> detect(std::chrono::steady_clock::time_point deadline) override {
    const std::string& variable = settings_.node_from_env_var;
    const std::string node = sources_.environment(variable).value_or("");
    if (node.empty()) {
      return permanent(
          fmt::format("the node's name is not known: {} is not set; add to the pod's manifest env: "
                      "[{{name: {}, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}]",
                      variable, variable));
    }
    if (!is_node_name(node)) return permanent(fmt::format("{} is not a node's name", variable));
    DetectedAttributes found;
    if (settings_.attributes.enabled("k8s.node.name")) found.emplace_back("k8s.node.name", node);
    if (!settings_.attributes.enabled("k8s.node.uid")) return found;
    const Result<std::string> uid = node_uid(node, deadline);
    if (uid) {
      found.emplace_back("k8s.node.uid", *uid);
    } else if (uid.error().kind == ErrorKind::kRetryable || found.empty()) {
      return std::unexpected(uid.error());
    } else {
      // The name alone is worth more than nothing.
      log_warn("resource detection, k8s_api: k8s.node.uid is left out: {}", uid.error().message);
    }
    return found;
  }

 private:
  std::optional<std::string> read(const char* name) const {
    std::ifstream file(sources_.root / kServiceAccount / name);
    std::string text;
    if (!(file >> text)) return std::nullopt;
    return text;
  }

  Result<std::string> node_uid(const std::string& node,
                               std::chrono::steady_clock::time_point deadline) const {
    const std::optional<std::string> host = sources_.environment("KUBERNETES_SERVICE_HOST");
    const std::optional<std::string> port = sources_.environment("KUBERNETES_SERVICE_PORT");
    if (!host || !port) {
      return permanent(
          "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is "
          "not a pod");
    }
    const std::filesystem::path ca_file = sources_.root / kServiceAccount / "ca.crt";
    std::string token;
    if (settings_.uses_service_account) {
      token = read("token").value_or("");  // read each time: the kubelet replaces it
      if (token.empty()) {
        return permanent(
            fmt::format("there is no service account's token in /{}; set "
                        "automountServiceAccountToken, or auth_type: none",
                        kServiceAccount));
      }
    }
    const bool is_ipv6 = host->contains(':') && !host->starts_with('[');
    const Result<std::string> body =
        http_fetch({.url = fmt::format("https://{}:{}/api/v1/nodes/{}",
                                       is_ipv6 ? "[" + *host + "]" : *host, *port, node),
                    .unix_socket = "",
                    .ca_file = ca_file,
                    .bearer_token = token,
                    .timeout = std::chrono::duration_cast<std::chrono::milliseconds>(
                        deadline - std::chrono::steady_clock::now())});
    if (!body) {
      return std::unexpected(
          Error{body.error().kind,
                body.error().message + " (the service account needs the verb get on nodes)"});
    }
    return uid_in(*body);
  }

  static Result<std::string> uid_in(const std::string& body) {
    const nlohmann::json node = nlohmann::json::parse(body, nullptr, false);
    const nlohmann::json::json_pointer path("/metadata/uid");
    if (!node.is_object() || !node.contains(path) || !node.at(path).is_string()) {
      return permanent("the API server's answer is not a node");
    }
    return node.at(path).get<std::string>();
  }

  const K8sApiDetectorSettings settings_;
  const DetectionSources sources_;
};

}  // namespace

void K8sApiDetectorSettings::read(ConfigReader& detector) {
  enum class AuthType { kServiceAccount, kNone };
  AuthType type = AuthType::kServiceAccount;
  detector.choice("auth_type", &type,
                  {{"serviceAccount", AuthType::kServiceAccount}, {"none", AuthType::kNone}});
  uses_service_account = type == AuthType::kServiceAccount;
  detector.string("node_from_env_var", &node_from_env_var);
  if (node_from_env_var.empty()) node_from_env_var = K8sApiDetectorSettings().node_from_env_var;
  attributes.read(detector);
}

std::unique_ptr<Detector> make_k8s_api_detector(K8sApiDetectorSettings settings,
                                                const DetectionSources& sources) {
  return std::make_unique<K8sApiDetector>(std::move(settings), sources);
}

}  // namespace kernspan
