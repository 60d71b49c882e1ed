#pragma once

#include <string>

#include "pipeline/base/error.h"

namespace kernspan::otlp {

// A certificate or key; empty for an empty path. An error names the file and
// says what to look at.
Result<std::string> read_pem_file(const std::string& path);

}  // namespace kernspan::otlp
