#pragma once

#include <cstddef>
#include <string>

#include "pipeline/base/error.h"

namespace kernspan {

// A whole configuration file: at most 16 MiB, a thousand times the largest known one. May be a pipe.
Result<std::string> read_config_file(const std::string& path);

// What ${file:PATH} stands for: a regular file of at most 1 MiB, the most that Kubernetes keeps in a
// secret or a config map. Never waits.
Result<std::string> read_included_file(const std::string& path);

}  // namespace kernspan
