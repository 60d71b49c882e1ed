#include "pipeline/exporters/sender/retry_policy.h"

#include <algorithm>

namespace kernspan {

using std::chrono::nanoseconds;

std::optional<nanoseconds> Backoff::next(const RetrySettings& settings, nanoseconds now,
                                         nanoseconds asked_delay, const Random& random) {
  if (!settings.enabled) return std::nullopt;
  const double jitter = settings.randomization_factor * (2 * random() - 1);
  const auto jittered = nanoseconds(
      static_cast<nanoseconds::rep>(static_cast<double>(interval_.count()) * (1 + jitter)));
  const nanoseconds wait = std::max({jittered, asked_delay, nanoseconds{0}});
  const bool bounded = settings.max_elapsed_time > nanoseconds{0};
  if (bounded && now - began_ + wait > settings.max_elapsed_time) return std::nullopt;

  // Compared as doubles: the product may not fit an integer.
  const double grown = static_cast<double>(interval_.count()) * settings.multiplier;
  interval_ = grown >= static_cast<double>(settings.max_interval.count())
                  ? settings.max_interval
                  : nanoseconds(static_cast<nanoseconds::rep>(grown));
  return wait;
}

}  // namespace kernspan
