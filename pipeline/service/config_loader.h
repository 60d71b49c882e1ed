#pragma once

#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/config_yaml.h"

namespace kernspan {

// Reads the files and merges them in order: maps key by key, scalars and lists replace. A name may
// carry the collector's prefix "file:". The error has one line per problem, each with its position.
Result<ConfigNode> load_config(const std::vector<std::string>& files,
                               const Environment& environment, ConfigWarnings& warnings);

}  // namespace kernspan
