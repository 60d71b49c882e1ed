// Consistent probability sampling: a span is kept when its 56 random bits are not below a threshold.
//
//   probability = (2^56 - threshold) / 2^56
//
// On the wire both are hexadecimal: `rv` 14 digits, `th` 1 to 14 digits without trailing zeros.
// Spec: opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/ids.h"

namespace kernspan {

inline constexpr int kThresholdDigits = 14;
inline constexpr std::uint64_t kThresholdEnd = 1ULL << 56;

struct Randomness {
  std::uint64_t bits = 0;  // below kThresholdEnd

  // The last 56 bits of the id, which W3C Trace Context level 2 says are random.
  static Randomness of(const TraceId& id);
  // Exactly 14 hex digits, of either case.
  static std::optional<Randomness> parse(std::string_view digits);
  std::string digits() const;
};

struct Threshold {
  std::uint64_t rejected = 0;  // of kThresholdEnd equal parts; all of them: nothing is kept

  static constexpr Threshold always() { return {0}; }
  static constexpr Threshold never() { return {kThresholdEnd}; }

  // 1 to 14 hex digits. The error is upstream's text.
  static std::expected<Threshold, const char*> parse(std::string_view digits);
  // Nothing below the smallest probability (2^-56) or above 1. `precision`: significant hex digits,
  // more near 0 and 1 so that the relative error stays small; 0 is all of them.
  static std::optional<Threshold> of_probability(double probability, int precision);

  bool keeps(Randomness randomness) const { return randomness.bits >= rejected; }
  double probability() const;
  std::string digits() const;  // "0" for always

  auto operator<=>(const Threshold&) const = default;
};

}  // namespace kernspan
