#pragma once

#include <functional>

#include "tools/kernspan/command.h"

namespace kernspan::tools {

// kernspan traces [--follow] SOURCE: shows traces out of the file exporter's output as waterfalls.
// Exit code 0: something was shown; 1: nothing was found, or the source cannot be read.
std::function<int()> declare_traces(CLI::App& app);

}  // namespace kernspan::tools
