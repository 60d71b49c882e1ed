#include "pipeline/processors/tail_sampling/policies/trace_policies.h"

#include <algorithm>

#include "pipeline/processors/tail_sampling/policies/trace_state_member.h"

namespace kernspan::sampling {
namespace {

Decision sampled_if(bool matches) {
  return matches ? Decision::kSampled : Decision::kNotSampled;
}

// Of times since the epoch; negative when the trace ends before it starts.
std::int64_t milliseconds_between(std::uint64_t start_ns, std::uint64_t end_ns) {
  constexpr std::uint64_t kNsPerMs = 1'000'000;
  if (end_ns < start_ns) return -static_cast<std::int64_t>((start_ns - end_ns) / kNsPerMs);
  return static_cast<std::int64_t>((end_ns - start_ns) / kNsPerMs);
}

}  // namespace

// A start of 0 is one that nobody has set: it counts only when no span has another.
Decision LatencyPolicy::decide(const Question& question) {
  if (question.trace.span_count() == 0) return Decision::kNotSampled;
  const std::uint64_t start = question.facts.start_unix_ns;
  const std::int64_t latency_ms =
      milliseconds_between(start == TraceFacts::kUnset ? 0 : start, question.facts.end_unix_ns);
  if (settings_.upper_threshold_ms == 0) return sampled_if(latency_ms >= settings_.threshold_ms);
  return sampled_if(latency_ms > settings_.threshold_ms &&
                    latency_ms <= settings_.upper_threshold_ms);
}

Decision StatusCodePolicy::decide(const Question& question) {
  if (bit_) return sampled_if(question.facts.has(*bit_));
  return sampled_if(std::ranges::any_of(question.trace.spans, [this](const HeldSpan& span) {
    return (codes_ >> static_cast<unsigned>(span.fields().status_code) & 1U) != 0;
  }));
}

Decision SpanCountPolicy::decide(const Question& question) {
  const auto count = static_cast<std::int64_t>(question.trace.span_count());
  return sampled_if(count >= settings_.min_spans &&
                    (settings_.max_spans == 0 || count <= settings_.max_spans));
}

Decision TraceFlagsPolicy::decide(const Question& question) {
  if (bit_) return sampled_if(question.facts.has(*bit_));
  constexpr std::uint32_t kSampledFlag = 1;
  return sampled_if(std::ranges::any_of(question.trace.spans, [](const HeldSpan& span) {
    return (span.fields().flags & kSampledFlag) != 0;
  }));
}

TraceStatePolicy::TraceStatePolicy(const TraceStateSettings& settings, TraceScan& scan)
    : key_(settings.key) {
  constexpr std::size_t kLongestMember = 256;  // key, '=' and value
  for (const std::string& value : settings.values) {
    if (!value.empty() && key_.size() + value.size() < kLongestMember) values_.push_back(value);
  }
  scan.want_trace_state();
}

Decision TraceStatePolicy::decide(const Question& question) {
  for (std::size_t span = 0; span < question.trace.spans.size(); ++span) {
    const std::string_view trace_state = question.scan.trace_state(span);
    if (trace_state.empty()) continue;
    if (std::ranges::find(values_, trace_state_member(trace_state, key_)) != values_.end()) {
      return Decision::kSampled;
    }
  }
  return Decision::kNotSampled;
}

}  // namespace kernspan::sampling
