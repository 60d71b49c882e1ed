#pragma once

#include <cstdint>

namespace kernspan {

// The time, handed in so that tests own it. Any thread may call it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t monotonic_ns() const = 0;  // CLOCK_MONOTONIC: never goes back
  virtual std::uint64_t wall_ns() const = 0;       // since the Unix epoch; may be stepped
};

class SystemClock final : public Clock {
 public:
  std::uint64_t monotonic_ns() const override;
  std::uint64_t wall_ns() const override;
};

}  // namespace kernspan
