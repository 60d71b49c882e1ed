#include "pipeline/component/client_auth.h"

#include <fmt/format.h>

#include <algorithm>

namespace kernspan {

const ClientAuthenticator* read_client_auth(ConfigReader& reader, const Extensions& extensions,
                                            bool plaintext) {
  if (!reader.has("auth")) return nullptr;
  ConfigReader& auth = reader.section("auth");
  std::string id;
  auth.require("authenticator", "name an extension, for example bearertokenauth");
  auth.string("authenticator", &id);
  if (id.empty()) return nullptr;
  const auto* found = extensions.find<ClientAuthenticator>(id);
  if (found == nullptr) {
    auth.error("authenticator",
               fmt::format("failed to resolve authenticator \"{}\": service::extensions lists no "
                           "such extension, or it cannot authenticate a client",
                           id));
  } else if (found->requires_tls() && plaintext) {
    auth.error("authenticator",
               fmt::format("\"{}\" would send its credentials in the clear: use TLS (remove "
                           "tls::insecure, or http:// from the endpoint)",
                           id));
  }
  return found;
}

bool is_header_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

bool is_header_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; });
}

Result<std::vector<ClientAuthenticator::Header>> auth_headers(const ClientAuthenticator* auth) {
  if (auth == nullptr) return {};
  auto headers = auth->request_headers();
  if (!headers) return retryable("authenticator: " + headers.error().message);
  for (const auto& [name, value] : *headers) {
    if (!is_header_name(name) || !is_header_value(value)) {
      return retryable(fmt::format(
          "authenticator: the value of '{}' has characters that a header cannot have", name));
    }
  }
  return headers;
}

}  // namespace kernspan
