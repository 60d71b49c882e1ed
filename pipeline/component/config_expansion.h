// The collector's references to the environment in a configuration value:
//   ${VAR}, ${env:VAR}, ${env:VAR:-default}, $$ (a dollar sign); a bare $VAR is left as it is.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/config_yaml.h"

namespace kernspan {

struct Expansion {
  std::string text;
  // The value was one reference and nothing else: its text is YAML of its own.
  bool is_one_reference = false;
};

// The error's message lacks the position, which the caller knows. Values of variables are not
// expanded again: a dollar sign in a password is a dollar sign.
Result<Expansion> expand_environment(std::string_view text, const Environment& environment,
                                     const ConfigPosition& position, ConfigWarnings& warnings);

}  // namespace kernspan
