// The collector's references in a configuration value:
//   ${VAR}, ${env:VAR}, ${env:VAR:-default}   an environment variable
//   ${file:PATH}                              a file's contents
//   ${yaml:TEXT}                              the text itself
//   $$                                        a dollar sign; a bare $VAR is left as it is
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
  std::string file = {};  // and that reference was to this file
};

// The error's message lacks the position, which the caller knows. Values of variables and what
// files hold are not expanded again: a dollar sign in a password is a dollar sign. The line end that
// a file's last line has is no part of the value.
Result<Expansion> expand_references(std::string_view text, const Environment& environment,
                                    const ConfigPosition& position, ConfigWarnings& warnings);

}  // namespace kernspan
