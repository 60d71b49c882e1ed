// A pod's access to the API: kubernetes.io/docs/tasks/run-application/access-api-from-pod.
#include "pipeline/kubernetes/api_access.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

namespace kernspan::kube {
namespace {

constexpr const char* kServiceAccountFolder = "var/run/secrets/kubernetes.io/serviceaccount";

Result<std::string> server_url(const AccessSources& sources) {
  const auto host = sources.environment("KUBERNETES_SERVICE_HOST");
  const auto port = sources.environment("KUBERNETES_SERVICE_PORT");
  if (!host || !port || host->empty() || port->empty()) {
    return permanent(
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod; set "
        "auth_type: kubeConfig to use a kubeconfig file");
  }
  const bool is_ipv6 = host->contains(':') && !host->starts_with('[');
  return fmt::format("https://{}:{}", is_ipv6 ? "[" + *host + "]" : *host, *port);
}

std::string first_word(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

}  // namespace

AccessSources system_sources() {
  return {.root = "/", .environment = [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value == nullptr ? std::nullopt : std::optional<std::string>(value);
          }};
}

Result<ApiAccess> service_account_access(const AccessSources& sources) {
  const auto url = server_url(sources);
  if (!url) return std::unexpected(url.error());
  const std::filesystem::path folder = sources.root / kServiceAccountFolder;
  if (first_word(folder / "token").empty()) {
    return permanent(
        fmt::format("there is no service account's token in {}: set automountServiceAccountToken "
                    "and serviceAccountName in the pod's manifest",
                    folder.string()));
  }
  return ApiAccess{.url = *url,
                   .ca_file = folder / "ca.crt",
                   .token_file = folder / "token",
                   .own_namespace = first_word(folder / "namespace")};
}

Result<ApiAccess> anonymous_access(const AccessSources& sources) {
  const auto url = server_url(sources);
  if (!url) return std::unexpected(url.error());
  return ApiAccess{.url = *url, .skip_verify = true};
}

Result<ApiAccess> default_access(const AccessSources& sources) {
  const auto kubeconfig = sources.environment("KUBECONFIG");
  return kubeconfig && !kubeconfig->empty() ? kubeconfig_access(sources, "")
                                            : service_account_access(sources);
}

}  // namespace kernspan::kube
