// Runs one of `kernspan`'s commands in the test's own process.
#pragma once

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace kernspan::tools {

struct CommandResult {
  int code = 0;
  std::string out;
  std::string err;
};

// `declare` adds the command to an application, and returns what executes it.
inline CommandResult run_command(std::function<int()> (*declare)(CLI::App&),
                                 std::vector<std::string> arguments) {
  CLI::App app;
  const std::function<int()> execute = declare(app);
  std::ranges::reverse(arguments);  // as CLI11 wants them
  app.parse(arguments);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  CommandResult result;
  result.code = execute();
  std::fflush(stdout);
  result.out = ::testing::internal::GetCapturedStdout();
  result.err = ::testing::internal::GetCapturedStderr();
  return result;
}

}  // namespace kernspan::tools
