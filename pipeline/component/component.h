#pragma once

#include <chrono>

#include "pipeline/base/error.h"

namespace kernspan {

// The life of everything that a service runs: receivers, processors, exporters, extensions.
class Component {
 public:
  virtual ~Component() = default;

  // Begins work; does not block. Called once, consumers before producers. An error ends the program
  // with its message.
  virtual Status start() = 0;

  // Refuses new input, passes on or counts what it holds, and returns by `deadline` (monotonic).
  // Idempotent, and safe without start(). Called producers before consumers.
  virtual void stop(std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace kernspan
