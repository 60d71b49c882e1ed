#include "pipeline/processors/probabilistic_sampler/threshold.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace kernspan {
namespace {

constexpr int kBitsPerDigit = 4;

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  // from_chars takes a minus sign for signed types only.
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// How many leading digits of a small number are zeros.
int leading_zero_digits(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return exponent / -kBitsPerDigit;
}

}  // namespace

Randomness Randomness::of(const TraceId& id) {
  std::uint64_t bits = 0;
  for (std::size_t i = 9; i < id.bytes.size(); ++i) bits = bits << 8 | id.bytes[i];
  return {bits};
}

std::optional<Randomness> Randomness::parse(std::string_view digits) {
  if (digits.size() != kThresholdDigits) return std::nullopt;
  const std::optional<std::uint64_t> bits = parse_hex(digits);
  if (!bits) return std::nullopt;
  return Randomness{*bits};
}

std::string Randomness::digits() const {
  return fmt::format("{:014x}", bits);
}

std::expected<Threshold, const char*> Threshold::parse(std::string_view digits) {
  if (digits.size() > kThresholdDigits) return std::unexpected("t-value exceeds 14 hex digits");
  if (digits.empty()) return std::unexpected("t-value is empty");
  const std::optional<std::uint64_t> value = parse_hex(digits);
  if (!value) return std::unexpected("t-value: invalid syntax");
  const auto missing = kThresholdDigits - static_cast<int>(digits.size());
  return Threshold{*value << (kBitsPerDigit * missing)};
}

std::optional<Threshold> Threshold::of_probability(double probability, int precision) {
  constexpr auto kEnd = static_cast<double>(kThresholdEnd);
  if (!(probability >= 1 / kEnd && probability <= 1)) return std::nullopt;
  if (probability == 1) return always();
  Threshold threshold{kThresholdEnd - static_cast<std::uint64_t>(std::round(probability * kEnd))};
  if (precision == 0) return threshold;
  precision += std::max(leading_zero_digits(probability), leading_zero_digits(1 - probability));
  const int shift = kBitsPerDigit * (kThresholdDigits - std::min(precision, kThresholdDigits));
  if (shift != 0) {
    const std::uint64_t half = 1ULL << (shift - 1);
    threshold.rejected = (threshold.rejected + half) >> shift << shift;
  }
  return threshold;
}

double Threshold::probability() const {
  return static_cast<double>(kThresholdEnd - rejected) / static_cast<double>(kThresholdEnd);
}

std::string Threshold::digits() const {
  if (rejected == 0) return "0";
  std::string text = fmt::format("{:014x}", rejected);
  text.resize(text.find_last_not_of('0') + 1);
  return text;
}

}  // namespace kernspan
