// Format: kubernetes.io/docs/reference/config-api/kubeconfig.v1.
#include <fmt/format.h>
#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "pipeline/kubernetes/api_access.h"

namespace kernspan::kube {
namespace {

constexpr std::uintmax_t kLargestFileBytes = 1 << 20;

Result<std::filesystem::path> config_path(const AccessSources& sources) {
  if (const auto path = sources.environment("KUBECONFIG"); path && !path->empty()) {
    if (path->contains(':')) {
      return permanent("KUBECONFIG names several files: merge them into one");
    }
    return std::filesystem::path(*path);
  }
  const auto home = sources.environment("HOME");
  if (!home || home->empty()) return permanent("neither KUBECONFIG nor HOME is set");
  return std::filesystem::path(*home) / ".kube" / "config";
}

// The value of `key` in the map `inner` of the list item that is called `name`.
YAML::Node named(const YAML::Node& list, const std::string& name, const char* inner) {
  if (!list.IsDefined() || !list.IsSequence()) return YAML::Node(YAML::NodeType::Undefined);
  for (const YAML::Node& item : list) {
    if (item.IsMap() && item["name"] && item["name"].as<std::string>("") == name) {
      return item[inner];
    }
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

std::string text(const YAML::Node& map, const char* key) {
  return map && map.IsMap() && map[key] ? map[key].as<std::string>("") : "";
}

// Paths in the file are relative to its folder.
std::string file(const YAML::Node& map, const char* key, const std::filesystem::path& folder) {
  const std::string path = text(map, key);
  return path.empty() ? path : (folder / path).string();
}

std::string decoded(const std::string& base64) {
  std::string bytes(base64.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(base64.data()),
                                   static_cast<int>(base64.size()));
  bytes.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  while (bytes.ends_with('\0')) bytes.pop_back();  // what padding stands for
  return bytes;
}

Result<ApiAccess> read(const YAML::Node& root, std::string context_name,
                       const std::filesystem::path& folder) {
  if (context_name.empty()) context_name = text(root, "current-context");
  const YAML::Node context = named(root["contexts"], context_name, "context");
  if (!context.IsDefined()) {
    return permanent(fmt::format("there is no context \"{}\"", context_name));
  }
  const YAML::Node cluster = named(root["clusters"], text(context, "cluster"), "cluster");
  const YAML::Node user = named(root["users"], text(context, "user"), "user");
  ApiAccess access{.url = text(cluster, "server"),
                   .ca_file = file(cluster, "certificate-authority", folder),
                   .ca_pem = decoded(text(cluster, "certificate-authority-data")),
                   .skip_verify = text(cluster, "insecure-skip-tls-verify") == "true",
                   .token_file = file(user, "tokenFile", folder),
                   .token = text(user, "token"),
                   .certificate_file = file(user, "client-certificate", folder),
                   .certificate_pem = decoded(text(user, "client-certificate-data")),
                   .key_file = file(user, "client-key", folder),
                   .key_pem = decoded(text(user, "client-key-data")),
                   .own_namespace = text(context, "namespace")};
  if (access.url.empty()) {
    return permanent(fmt::format("the cluster of context \"{}\" has no server", context_name));
  }
  while (access.url.ends_with('/')) access.url.pop_back();
  const auto is_broken = [](const YAML::Node& map, const char* key, const std::string& bytes) {
    return bytes.empty() && !text(map, key).empty();
  };
  if (is_broken(cluster, "certificate-authority-data", access.ca_pem) ||
      is_broken(user, "client-certificate-data", access.certificate_pem) ||
      is_broken(user, "client-key-data", access.key_pem)) {
    return permanent(fmt::format("a -data key of context \"{}\" is not base64", context_name));
  }
  for (const char* program : {"exec", "auth-provider"}) {
    if (user.IsDefined() && user.IsMap() && user[program]) {
      return permanent(
          fmt::format("the user of context \"{}\" has {}, which needs a program to be "
                      "run: use a token or a client certificate",
                      context_name, program));
    }
  }
  return access;
}

}  // namespace

Result<ApiAccess> kubeconfig_access(const AccessSources& sources, const std::string& context) {
  const auto path = config_path(sources);
  if (!path) return std::unexpected(path.error());
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(*path, error);
  if (error || size > kLargestFileBytes) {
    return permanent(fmt::format("{} cannot be read: {}", path->string(),
                                 error ? error.message() : "it is larger than 1 MiB"));
  }
  std::ifstream stream(*path);
  const std::string yaml(std::istreambuf_iterator<char>(stream), {});
  try {
    auto access = read(YAML::Load(yaml), context, path->parent_path());
    if (access) return access;
    return permanent(fmt::format("{}: {}", path->string(), access.error().message));
  } catch (const YAML::Exception&) {
    // Its message may quote a credential.
    return permanent(fmt::format("{} is not a kubeconfig", path->string()));
  }
}

}  // namespace kernspan::kube
