#pragma once

#include <functional>

#include "tools/kernspan/command.h"

namespace kernspan::tools {

// kernspan doctor CONFIG...: what configurations, valid or not, will lose, leak or outgrow. Exit code
// 0: nothing as bad as --fail-on; 1: something; 2: a source cannot be read.
std::function<int()> declare_doctor(CLI::App& app);

}  // namespace kernspan::tools
