#pragma once

#include <functional>

#include "tools/kernspan/command.h"

namespace kernspan::tools {

// kernspan health [ENDPOINT] [--ready] [--timeout 3s]: asks the extension health_check of a daemon.
// Exit code 0: it answers 200; 1: another answer, or none in time, and the standard error says what.
std::function<int()> declare_health(CLI::App& app);

}  // namespace kernspan::tools
