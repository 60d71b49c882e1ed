// When to try again: exponential back-off with jitter, with the keys and defaults of the
// collector's retry_on_failure.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

namespace kernspan {

struct RetrySettings {
  bool enabled = true;
  std::chrono::nanoseconds initial_interval = std::chrono::seconds{5};
  double randomization_factor = 0.5;
  double multiplier = 1.5;
  std::chrono::nanoseconds max_interval = std::chrono::seconds{30};
  std::chrono::nanoseconds max_elapsed_time = std::chrono::minutes{5};  // 0: for ever
};

// Uniform in [0, 1).
using Random = std::function<double()>;

// The attempts of one request. A value; copies go on independently.
class Backoff {
 public:
  Backoff() = default;
  // `now` is when the first attempt begins.
  Backoff(const RetrySettings& settings, std::chrono::nanoseconds now)
      : interval_(settings.initial_interval), began_(now) {}

  // How long to wait after an attempt that failed at `now`; nothing when it was the last one.
  // `asked_delay` is what the peer asked for: the wait is no shorter.
  std::optional<std::chrono::nanoseconds> next(const RetrySettings& settings,
                                               std::chrono::nanoseconds now,
                                               std::chrono::nanoseconds asked_delay,
                                               const Random& random);

 private:
  std::chrono::nanoseconds interval_{0};
  std::chrono::nanoseconds began_{0};
};

}  // namespace kernspan
