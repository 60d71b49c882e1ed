// Policies on what is known of a trace: no bytes are read but the tracestate's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/span_facts.h"

namespace kernspan::sampling {

class AlwaysSamplePolicy final : public Policy {
 public:
  Decision decide(const Question&) override { return Decision::kSampled; }
};

// The time from the earliest start to the latest end, in whole milliseconds: at least the threshold;
// with an upper one, above the threshold and at most the upper one.
class LatencyPolicy final : public Policy {
 public:
  explicit LatencyPolicy(const LatencySettings& settings) : settings_(settings) {}
  Decision decide(const Question& question) override;

 private:
  const LatencySettings settings_;
};

class StatusCodePolicy final : public Policy {
 public:
  StatusCodePolicy(const StatusCodeSettings& settings, SpanFacts::Bit bit)
      : codes_(settings.codes), bit_(bit) {}
  Decision decide(const Question& question) override;

 private:
  const std::uint32_t codes_;
  const SpanFacts::Bit bit_;
};

class SpanCountPolicy final : public Policy {
 public:
  explicit SpanCountPolicy(const SpanCountSettings& settings) : settings_(settings) {}
  Decision decide(const Question& question) override;

 private:
  const SpanCountSettings settings_;
};

// Any span with the W3C flag `sampled`.
class TraceFlagsPolicy final : public Policy {
 public:
  explicit TraceFlagsPolicy(SpanFacts::Bit bit) : bit_(bit) {}
  Decision decide(const Question& question) override;

 private:
  const SpanFacts::Bit bit_;
};

// Any span whose W3C tracestate has the key with one of the values. A tracestate that is not
// well-formed has no keys, as upstream.
class TraceStatePolicy final : public Policy {
 public:
  TraceStatePolicy(const TraceStateSettings& settings, TraceScan& scan);
  Decision decide(const Question& question) override;

 private:
  const std::string key_;
  std::vector<std::string> values_;
};

}  // namespace kernspan::sampling
