// One policy, as part of the policies of a shard.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

class TraceScan;

enum class Decision : std::uint8_t {
  kNotSampled,
  kSampled,
  kDropped,
  kError,  // the policy could not be evaluated; it has no say
};

struct Opinion {
  Decision decision = Decision::kNotSampled;
  // Of a sampled trace; see Verdict.
  std::optional<double> probability = {};
  std::string_view sub_policy = {};

  static Opinion sampled(std::optional<double> probability) {
    return {.decision = Decision::kSampled, .probability = probability};
  }
  // For policies that look at the trace and nothing else: what they sample they always sample.
  static Opinion of_match(bool matches) { return matches ? sampled(1.0) : Opinion{}; }
};

// One thread. Keeps what it needs from its settings; state (rates, caches) is its own.
class Policy {
 public:
  virtual ~Policy() = default;
  // Attributes are looked up through `scan`, which belongs to this trace.
  virtual Opinion evaluate(const TraceView& trace, TraceScan& scan, std::uint64_t now_ns) = 0;
};

}  // namespace kernspan::sampling
