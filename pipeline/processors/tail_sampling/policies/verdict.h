#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace kernspan::sampling {

enum class Outcome : std::uint8_t {
  kNotSampled,
  kSampled,
  kDropped,  // a drop policy matched: as not sampled, and no other policy can change it
};

// What all policies together say of a trace.
struct Verdict {
  static constexpr std::size_t kNoPolicy = std::numeric_limits<std::size_t>::max();

  Outcome outcome = Outcome::kNotSampled;
  // The first policy that sampled or dropped the trace, for Policies::name(); none when none did.
  std::size_t policy = kNoPolicy;
  // Of a composite that decided: the name of its part that did. Lives as long as the policies.
  std::string_view sub_policy = {};
  // Of a sampled trace: how likely it was that a trace like it is sampled, above 0 and at most 1;
  // each of its spans stands for 1 / probability spans. docs/tail_sampling.md, "Adjusted counts".
  // Nothing for other traces, and where the policies cannot say.
  std::optional<double> probability = {};
  // The probability is not the configuration's but measured: a limit of rate had a part in it.
  bool estimated = false;

  bool sampled() const { return outcome == Outcome::kSampled; }
};

}  // namespace kernspan::sampling
