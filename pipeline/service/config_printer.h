#pragma once

#include <set>
#include <string>
#include <string_view>

#include "pipeline/component/config_node.h"

namespace kernspan {

// The configuration as YAML that loads as the same one again, but for secrets, which are "***":
// the values at `secret_paths` (ConfigWarnings), those of keys whose name says that they are secret,
// and passwords in URLs.
std::string print_config(const ConfigNode& root,
                         const std::set<std::string, std::less<>>& secret_paths);

// Whether a key's name says that its value is a secret: "token", "headers", not "token_file".
bool names_a_secret(std::string_view key);

}  // namespace kernspan
