#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "pipeline/base/clock.h"

namespace kernspan {

// A clock that stands still until it is told to go on.
class FakeClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override { return monotonic_ns_; }
  std::uint64_t wall_ns() const override { return wall_ns_; }

  void advance(std::chrono::nanoseconds time) {
    monotonic_ns_ += static_cast<std::uint64_t>(time.count());
    wall_ns_ += static_cast<std::uint64_t>(time.count());
  }

 private:
  std::atomic<std::uint64_t> monotonic_ns_{1'000'000'000};
  std::atomic<std::uint64_t> wall_ns_{1'700'000'000'000'000'000};  // 2023-11-14T22:13:20Z
};

}  // namespace kernspan
