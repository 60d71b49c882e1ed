#include "pipeline/processors/tail_sampling/policies/attribute_policies.h"

#include <limits>

namespace kernspan::sampling {
namespace {

using otlp::ValueKind;
using otlp::ValueView;

// Whether the key's value of any resource or span matches, inverted or not.
template <typename OfResource, typename OfSpan>
Decision decide_by(const Question& question, TraceScan::Key key, bool invert,
                   OfResource matches_resource, OfSpan matches_span) {
  constexpr auto kOnMatch = [](bool inverted) {
    return inverted ? Decision::kNotSampled : Decision::kSampled;
  };
  TraceScan& scan = question.scan;
  for (std::size_t i = 0; i < scan.resource_count(); ++i) {
    if (matches_resource(scan.resource_value(i, key))) return kOnMatch(invert);
  }
  for (std::size_t i = 0; i < question.trace.spans.size(); ++i) {
    if (matches_span(scan.span_value(i, key))) return kOnMatch(invert);
  }
  return kOnMatch(!invert);
}

}  // namespace

NumericAttributePolicy::NumericAttributePolicy(const NumericAttributeSettings& settings,
                                               TraceScan& scan)
    : key_(scan.add_key(settings.key)),
      min_(settings.min_value != 0 ? settings.min_value : std::numeric_limits<std::int64_t>::min()),
      max_(settings.max_value != 0 ? settings.max_value : std::numeric_limits<std::int64_t>::max()),
      invert_(settings.invert_match) {}

Decision NumericAttributePolicy::decide(const Question& question) {
  const auto is_in_range = [this](const ValueView& value) {
    return value.kind() == ValueKind::kInt && value.as_int() >= min_ && value.as_int() <= max_;
  };
  return decide_by(question, key_, invert_, is_in_range, is_in_range);
}

StringAttributePolicy::StringAttributePolicy(const StringAttributeSettings& settings,
                                             TraceScan& scan)
    : key_(scan.add_key(settings.key)), invert_(settings.invert_match) {
  if (settings.patterns != nullptr) {
    patterns_.emplace(settings.patterns, settings.cache_max_size);
    return;
  }
  for (const std::string& value : settings.values) {
    if (!value.empty()) values_.insert(value);
  }
}

bool StringAttributePolicy::matches(std::string_view text) {
  return patterns_ ? patterns_->match(text) : values_.find(text) != values_.end();
}

// An empty text of a span matches nothing, not even a pattern for it; that of a resource may match
// a pattern. As upstream.
Decision StringAttributePolicy::decide(const Question& question) {
  return decide_by(
      question, key_, invert_,
      [this](const ValueView& value) {
        return value.kind() == ValueKind::kString && matches(value.as_string());
      },
      [this](const ValueView& value) {
        return !value.as_string().empty() && matches(value.as_string());
      });
}

BooleanAttributePolicy::BooleanAttributePolicy(const BooleanAttributeSettings& settings,
                                               TraceScan& scan)
    : key_(scan.add_key(settings.key)), value_(settings.value), invert_(settings.invert_match) {}

Decision BooleanAttributePolicy::decide(const Question& question) {
  const auto is_value = [this](const ValueView& value) {
    return value.kind() == ValueKind::kBool && value.as_bool() == value_;
  };
  return decide_by(question, key_, invert_, is_value, is_value);
}

}  // namespace kernspan::sampling
