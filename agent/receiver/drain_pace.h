// How long to wait before the ring is read again.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace kernspan {

// A busy ring is read in small portions: while the agent works through a long one, a traced program
// waits for its processor, and whoever talks to that program runs out of work (5 % of the requests of nginx
// and wrk on two processors). An idle ring is looked at less often.
class DrainPace {
 public:
  using Duration = std::chrono::nanoseconds;

  // What one reading should find: about 0.1 ms of work.
  static constexpr std::size_t kRecords = 128;
  // To wake up more often costs more than it helps.
  static constexpr Duration kShortest = std::chrono::milliseconds(1);
  static constexpr int kIdleIntervals = 4;

  explicit DrainPace(Duration interval) : interval_(interval), wait_(interval) {}

  // `records`: what was found after the last wait.
  Duration next(std::size_t records) {
    if (records == 0) {
      wait_ = std::min(wait_ * 2, interval_ * kIdleIntervals);
      return wait_;
    }
    const auto found = static_cast<Duration::rep>(records);
    const Duration wanted = wait_ * static_cast<Duration::rep>(kRecords) / found;
    wait_ = std::clamp(wanted, std::min(kShortest, interval_), interval_);
    return wait_;
  }

 private:
  const Duration interval_;
  Duration wait_;
};

}  // namespace kernspan
