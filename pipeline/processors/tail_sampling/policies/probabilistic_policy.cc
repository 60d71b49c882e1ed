#include "pipeline/processors/tail_sampling/policies/probabilistic_policy.h"

#include <bit>
#include <cmath>
#include <limits>

namespace kernspan::sampling {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr std::string_view kDefaultSalt = "default-hash-seed";

int bit_width(Uint128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  return high != 0 ? 128 - std::countl_zero(high)
                   : 64 - std::countl_zero(static_cast<std::uint64_t>(value));
}

std::string_view salt_of(const ProbabilisticSettings& settings) {
  return settings.hash_salt.empty() ? kDefaultSalt : settings.hash_salt;
}

}  // namespace

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash) {
  constexpr std::uint64_t kPrime = 0x100'0000'01B3;
  for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * kPrime;
  return hash;
}

// A double alone cannot hold 2^64 - 1. The product of 53 and 64 bits is exact in 128; upstream's
// has 64 significant bits, rounded to the nearest, ties to even.
std::uint64_t hash_threshold(double ratio) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  constexpr int kMantissaBits = 53;
  if (!(ratio > 0)) return 0;
  if (ratio >= 1) return kMost;
  int exponent = 0;
  const double fraction = std::frexp(ratio, &exponent);
  const auto mantissa = static_cast<std::uint64_t>(std::ldexp(fraction, kMantissaBits));
  Uint128 product = Uint128{mantissa} * kMost;
  int shift = kMantissaBits - exponent;  // product / 2^shift is the result
  if (const int excess = bit_width(product) - 64; excess > 0) {
    const Uint128 half = Uint128{1} << (excess - 1);
    const Uint128 rest = product & ((half << 1) - 1);
    product >>= excess;
    if (rest > half || (rest == half && (product & 1) != 0)) ++product;
    shift -= excess;
  }
  if (shift >= 128) return 0;
  if (shift > 0) product >>= shift;
  return product > kMost ? kMost : static_cast<std::uint64_t>(product);
}

ProbabilisticPolicy::ProbabilisticPolicy(const ProbabilisticSettings& settings, Axes& axes)
    : salted_(fnv1a(salt_of(settings))),
      threshold_(hash_threshold(settings.sampling_percentage / 100)),
      chance_(Chance::of(settings.sampling_percentage / 100, axes.of_salt(salt_of(settings)))) {}

Decision ProbabilisticPolicy::decide(const Question& question) {
  return fnv1a(question.trace.trace_id.view(), salted_) <= threshold_ ? Decision::kSampled
                                                                      : Decision::kNotSampled;
}

}  // namespace kernspan::sampling
