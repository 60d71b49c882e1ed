#include "pipeline/base/clock.h"

#include <ctime>

namespace kernspan {
namespace {

std::uint64_t read_ns(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);  // cannot fail for the two ids used here
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::uint64_t SystemClock::monotonic_ns() const {
  return read_ns(CLOCK_MONOTONIC);
}
std::uint64_t SystemClock::wall_ns() const {
  return read_ns(CLOCK_REALTIME);
}

}  // namespace kernspan
