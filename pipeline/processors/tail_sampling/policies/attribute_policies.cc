#include "pipeline/processors/tail_sampling/policies/attribute_policies.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace kernspan::sampling {
namespace {

using otlp::ValueKind;
using otlp::ValueView;

constexpr std::int64_t or_limit(std::int64_t value, std::int64_t limit) {
  return value != 0 ? value : limit;
}

}  // namespace

AttributeQuestion question_of(const NumericAttributeSettings& settings) {
  using Limits = std::numeric_limits<std::int64_t>;
  return {.key = settings.key,
          .is = IntInRange{.min = or_limit(settings.min_value, Limits::min()),
                           .max = or_limit(settings.max_value, Limits::max())}};
}

AttributeQuestion question_of(const StringAttributeSettings& settings) {
  TextAmong among;
  for (const std::string& value : settings.values) {
    if (!value.empty()) among.add(value);
  }
  return {.key = settings.key, .is = std::move(among)};
}

Decision AttributePolicy::decide(const Question& question) {
  const bool matches = bit_ ? question.facts.has(*bit_) : matches_one(question.trace);
  return matches != invert_ ? Decision::kSampled : Decision::kNotSampled;
}

bool AttributePolicy::matches_one(const TraceView& trace) const {
  return std::ranges::any_of(trace.spans, [this](const HeldSpan& span) {
    return question_.matches(span.index->find_attribute(span.span, question_.key)) ||
           question_.matches(span.index->resource_of(span.span).find(question_.key));
  });
}

TextPatternPolicy::TextPatternPolicy(const StringAttributeSettings& settings, TraceScan& scan)
    : key_(scan.add_key(settings.key)),
      invert_(settings.invert_match),
      patterns_(settings.patterns, settings.cache_max_size) {}

// An empty text of a span matches nothing, not even a pattern for it; that of a resource may match
// one. As upstream.
Decision TextPatternPolicy::decide(const Question& question) {
  const auto on_match = invert_ ? Decision::kNotSampled : Decision::kSampled;
  TraceScan& scan = question.scan;
  for (std::size_t i = 0; i < scan.resource_count(); ++i) {
    const ValueView value = scan.resource_value(i, key_);
    if (value.kind() == ValueKind::kString && patterns_.match(value.as_string())) return on_match;
  }
  for (std::size_t i = 0; i < question.trace.spans.size(); ++i) {
    const std::string_view text = scan.span_value(i, key_).as_string();
    if (!text.empty() && patterns_.match(text)) return on_match;
  }
  return invert_ ? Decision::kSampled : Decision::kNotSampled;
}

}  // namespace kernspan::sampling
