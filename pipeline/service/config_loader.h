#pragma once

#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/config_yaml.h"

namespace kernspan {

// Reads the sources and merges them in order: maps key by key, scalars and lists replace. A source
// is a file's path, or has one of the collector's prefixes: `file:PATH`, `env:VARIABLE` (which holds
// YAML), `yaml:TEXT` (`yaml:exporters::debug::verbosity: detailed` stands for the nested maps). The
// error has one line per problem, each with its position.
Result<ConfigNode> load_config(const std::vector<std::string>& sources,
                               const Environment& environment, ConfigWarnings& warnings);

}  // namespace kernspan
