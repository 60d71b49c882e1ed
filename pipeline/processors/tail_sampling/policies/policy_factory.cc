#include "pipeline/processors/tail_sampling/policies/policy_factory.h"

#include <utility>
#include <variant>

#include "pipeline/processors/tail_sampling/policies/attribute_policies.h"
#include "pipeline/processors/tail_sampling/policies/limiting_policies.h"
#include "pipeline/processors/tail_sampling/policies/ottl_conditions.h"
#include "pipeline/processors/tail_sampling/policies/probabilistic_policy.h"
#include "pipeline/processors/tail_sampling/policies/trace_policies.h"

namespace kernspan::sampling {

struct PolicyFactory::Maker {
  using Made = std::unique_ptr<Policy>;

  PolicyFactory& factory;

  Made operator()(const AlwaysSampleSettings&) { return std::make_unique<AlwaysSamplePolicy>(); }
  Made operator()(const TraceFlagsSettings&) {
    return std::make_unique<TraceFlagsPolicy>(known(factory.facts_.add_sampled_flag()));
  }
  Made operator()(const LatencySettings& settings) {
    return std::make_unique<LatencyPolicy>(settings);
  }
  Made operator()(const StatusCodeSettings& settings) {
    return std::make_unique<StatusCodePolicy>(settings,
                                              known(factory.facts_.add_status(settings.codes)));
  }
  Made operator()(const SpanCountSettings& settings) {
    return std::make_unique<SpanCountPolicy>(settings);
  }
  Made operator()(const TraceStateSettings& settings) {
    factory.looks_at_spans_ = true;
    return std::make_unique<TraceStatePolicy>(settings, factory.scan_);
  }
  Made operator()(const NumericAttributeSettings& settings) {
    return attribute(question_of(settings), settings.invert_match);
  }
  Made operator()(const StringAttributeSettings& settings) {
    if (settings.patterns == nullptr) {
      return attribute(question_of(settings), settings.invert_match);
    }
    factory.looks_at_spans_ = true;
    return std::make_unique<TextPatternPolicy>(settings, factory.scan_);
  }
  Made operator()(const BooleanAttributeSettings& settings) {
    return attribute({.key = settings.key, .is = BoolIs{settings.value}}, settings.invert_match);
  }
  Made operator()(const OttlConditionSettings& settings) {
    factory.looks_at_spans_ = true;
    return std::make_unique<OttlConditionPolicy>(settings);
  }
  Made operator()(const ProbabilisticSettings& settings) {
    return std::make_unique<ProbabilisticPolicy>(settings, factory.axes_);
  }
  Made operator()(const RateLimitingSettings& settings) {
    return std::make_unique<RateLimitingPolicy>(settings, factory.shards_, factory.axes_.own());
  }
  Made operator()(const BytesLimitingSettings& settings) {
    return std::make_unique<BytesLimitingPolicy>(settings, factory.shards_, factory.axes_.own());
  }
  Made operator()(const AndSettings& settings) {
    return std::make_unique<AndPolicy>(factory.make_parts(settings.parts), factory.axes_.own());
  }
  Made operator()(const DropSettings& settings) {
    return std::make_unique<DropPolicy>(factory.make_parts(settings.parts), factory.axes_.own());
  }
  Made operator()(const NotSettings& settings) {
    return std::make_unique<NotPolicy>(factory.make(settings.part.at(0)), factory.axes_.own());
  }
  Made operator()(const CompositeSettings& settings) { return factory.make_composite(settings); }

  Made attribute(AttributeQuestion question, bool invert) {
    const SpanFacts::Bit bit = known(factory.facts_.add_attribute(question));
    return std::make_unique<AttributePolicy>(std::move(question), invert, bit);
  }

  SpanFacts::Bit known(SpanFacts::Bit bit) {
    factory.looks_at_spans_ |= !bit;
    return bit;
  }
};

std::unique_ptr<Policy> PolicyFactory::make(const PolicySettings& settings) {
  return std::visit(Maker{*this}, settings.options);
}

PolicyParts PolicyFactory::make_parts(const std::vector<PolicySettings>& settings) {
  PolicyParts parts;
  for (const PolicySettings& part : settings) parts.push_back(make(part));
  return parts;
}

// A part without a percentage gets an equal share. Fractions of spans are cut off, as upstream.
std::unique_ptr<Policy> PolicyFactory::make_composite(const CompositeSettings& settings) {
  const std::int64_t most = rate_of_shard(settings.max_total_spans_per_second, shards_);
  const auto total = static_cast<double>(most);
  std::vector<CompositePolicy::Part> parts;
  for (std::size_t i = 0; i < settings.parts.size(); ++i) {
    const auto percent = static_cast<double>(settings.percents[i]);
    const double rate =
        percent > 0 ? percent / 100 * total : total / static_cast<double>(settings.parts.size());
    // As a double the largest total is one more than an integer can be.
    const bool is_all = rate >= total;
    parts.push_back({.name = settings.parts[i].name,
                     .policy = make(settings.parts[i]),
                     .spans_per_second = is_all ? most : static_cast<std::int64_t>(rate)});
  }
  return std::make_unique<CompositePolicy>(std::move(parts), most, axes_.own());
}

}  // namespace kernspan::sampling
