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
  // The policy that decided, for Policies::name(); none when nothing sampled or dropped the trace.
  std::size_t policy = kNoPolicy;
  // Of a composite that decided: the name of its part that did. Lives as long as the policies.
  std::string_view sub_policy = {};
  // Of a sampled trace: how likely it was that a trace like it was sampled, above 0 and at most 1;
  // each kept span stands for 1 / probability spans. Nothing where that is not known: a limit of
  // rate decided (see docs/tail_sampling.md, "Adjusted counts").
  std::optional<double> probability = {};

  bool sampled() const { return outcome == Outcome::kSampled; }
};

}  // namespace kernspan::sampling
