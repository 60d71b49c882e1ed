#include "pipeline/receivers/server_auth.h"

#include <fmt/format.h>

namespace kernspan {

Result<const ServerAuthenticator*> find_authenticator(const Extensions& extensions,
                                                      const std::string& id,
                                                      const std::string& path) {
  if (id.empty()) return nullptr;
  if (const auto* found = extensions.find<ServerAuthenticator>(id)) return found;
  return permanent(
      fmt::format("{}::auth::authenticator: no extension \"{}\" that checks requests is in "
                  "service::extensions: "
                  "configure it under extensions (for example bearertokenauth) and add it to "
                  "service::extensions",
                  path, id));
}

}  // namespace kernspan
