#include "pipeline/processors/tail_sampling/policies/token_bucket.h"

#include <algorithm>
#include <cmath>

namespace kernspan::sampling {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kHalfLifeNs = 10e9;

double ns_since(std::uint64_t last_ns, std::uint64_t now_ns) {
  return now_ns > last_ns ? static_cast<double>(now_ns - last_ns) : 0;
}

}  // namespace

bool TokenBucket::take(double count, std::uint64_t now_ns) {
  if (is_new_) last_ns_ = now_ns;
  is_new_ = false;
  const double refilled = ns_since(last_ns_, now_ns) / kNsPerSecond * per_second_;
  const double tokens = std::min(tokens_ + refilled, capacity_);
  if (count > capacity_) return false;
  const double missing = count - tokens;
  // What comes in within a nanosecond is there: clocks tell no less, and sums of fractions are not
  // exact.
  if (missing > 0 && !(missing / per_second_ * kNsPerSecond < 1)) return false;
  tokens_ = tokens - count;
  last_ns_ = now_ns;
  return true;
}

void GrantedShare::add(double count, bool granted, std::uint64_t now_ns) {
  const double weight = std::exp2(-ns_since(last_ns_, now_ns) / kHalfLifeNs);
  last_ns_ = std::max(last_ns_, now_ns);
  asked_ = asked_ * weight + count;
  granted_ = granted_ * weight + (granted ? count : 0);
}

}  // namespace kernspan::sampling
