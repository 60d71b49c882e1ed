#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace kernspan::tools {

// A sub-command of `kernspan`.
struct Command {
  const char* name;
  const char* description;  // one line, for --help
  // Declares the options on the sub-command's parser and returns what runs it after they were read;
  // its result is the exit code. What the options are bound to must be owned by the returned
  // function.
  std::function<int()> (*declare)(CLI::App& app);
};

}  // namespace kernspan::tools
