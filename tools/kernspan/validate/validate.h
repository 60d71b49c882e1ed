#pragma once

#include <functional>

#include "tools/kernspan/command.h"

namespace kernspan::tools {

// kernspan validate CONFIG... [--tier TIER] [--strict] [--skip-unbuilt] [--print]: loads and merges
// the sources, builds every component and the graph as a daemon would, and starts nothing. Exit code
// 0: a daemon with these components (of the tier; without it of all) would start from it; 1: it would
// not.
std::function<int()> declare_validate(CLI::App& app);

}  // namespace kernspan::tools
