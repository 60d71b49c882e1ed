// How the Kubernetes API is reached, and as whom.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "pipeline/base/error.h"

namespace kernspan::kube {

struct ApiAccess {
  std::string url = {};  // "https://10.96.0.1:443", without a path
  std::string ca_file = {};
  std::string ca_pem = {};  // in place of the file; neither: the system's authorities
  bool skip_verify = false;
  std::string token_file = {};  // read before each request: the kubelet replaces it
  std::string token = {};
  // For mutual TLS; files or texts.
  std::string certificate_file = {};
  std::string certificate_pem = {};
  std::string key_file = {};
  std::string key_pem = {};
  std::string own_namespace = {};  // of this pod, or of the context; may be empty
};

// Where to look; tests bring their own.
struct AccessSources {
  std::filesystem::path root = "/";
  std::function<std::optional<std::string>(const std::string& name)> environment = {};
};
AccessSources system_sources();

// As a pod does: KUBERNETES_SERVICE_HOST and _PORT, and what the service account's volume holds.
Result<ApiAccess> service_account_access(const AccessSources& sources);

// The same server without credentials, and without asking who it is.
Result<ApiAccess> anonymous_access(const AccessSources& sources);

// Of KUBECONFIG (one file), or ~/.kube/config: `context`, or the current one when it is empty.
// Credentials that a program has to be run for are refused.
Result<ApiAccess> kubeconfig_access(const AccessSources& sources, const std::string& context);

// KUBECONFIG when it is set, else the service account: upstream's order for its k8s resolver.
Result<ApiAccess> default_access(const AccessSources& sources);

}  // namespace kernspan::kube
