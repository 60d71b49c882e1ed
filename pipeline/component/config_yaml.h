#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"

namespace kernspan {

// Reads an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
Environment process_environment();

// Parses a YAML document and expands the references in its values (config_expansion.h). An unset
// variable without a default is empty, with a warning. `file` is only the name that positions carry;
// the nodes of an included file carry its own. Bounds on size, depth and expansion keep any document
// within some hundred MiB. The error of a malformed document has one line per problem, each with its
// position.
Result<ConfigNode> parse_config(std::string_view yaml, std::string file,
                                const Environment& environment, ConfigWarnings& warnings);

}  // namespace kernspan
