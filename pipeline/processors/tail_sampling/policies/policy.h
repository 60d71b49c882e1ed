// One policy, as part of the policies of a shard.
#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/processors/tail_sampling/policies/chance.h"
#include "pipeline/processors/tail_sampling/policies/trace_scan.h"
#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

enum class Decision : std::uint8_t {
  kNotSampled,
  kSampled,
  kDropped,
  kError,  // the policy could not be evaluated, and has no say
};

// What a policy looks at.
struct Question {
  const TraceView& trace;
  const TraceFacts& facts;   // of its spans
  TraceScan& scan;           // of that trace
  std::uint64_t now_ns = 0;  // monotonic
};

// One thread. Keeps what it needs of its settings; state (rates, caches) is its own.
class Policy {
 public:
  Policy() = default;
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;
  virtual ~Policy() = default;

  // Once per trace and decision: what a limit allows is then spent.
  virtual Decision decide(const Question& question) = 0;

  // How likely the policy is to sample (a drop policy: to drop) a trace that is like this one in
  // all but its id. Spends nothing. For policies without chance it is as decide() says.
  virtual Chance chance(const Question& question) {
    return Chance::of(decide(question) == Decision::kSampled);
  }

  // After kSampled: the part that decided, of policies that have named parts.
  virtual std::string_view deciding_part() const { return {}; }
};

}  // namespace kernspan::sampling
