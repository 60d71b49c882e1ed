#pragma once

#include <string>

#include "pipeline/component/authentication.h"
#include "pipeline/component/extensions.h"

namespace kernspan {

// The extension that `auth::authenticator` names; null for an empty id. The error says what to do.
// `path` is how messages call the section that has the key.
Result<const ServerAuthenticator*> find_authenticator(const Extensions& extensions,
                                                      const std::string& id,
                                                      const std::string& path);

}  // namespace kernspan
