#include "pipeline/processors/tail_sampling/policies/policy_settings.h"

#include <algorithm>

namespace kernspan::sampling {
namespace {

PolicyTraits traits_of_all(const std::vector<PolicySettings>& parts) {
  PolicyTraits all;
  for (const PolicySettings& part : parts) {
    const PolicyTraits traits = traits_of(part);
    all.stateful |= traits.stateful;
    all.monotonic &= traits.monotonic;
    all.by_chance |= traits.by_chance;
  }
  return all;
}

struct TraitsOf {
  PolicyTraits operator()(const AlwaysSampleSettings&) const { return {}; }
  PolicyTraits operator()(const StatusCodeSettings&) const { return {}; }
  PolicyTraits operator()(const TraceStateSettings&) const { return {}; }
  PolicyTraits operator()(const TraceFlagsSettings&) const { return {}; }
  PolicyTraits operator()(const OttlConditionSettings&) const { return {}; }
  PolicyTraits operator()(const ProbabilisticSettings&) const { return {.by_chance = true}; }
  PolicyTraits operator()(const LatencySettings& latency) const {
    return bounded(latency.upper_threshold_ms != 0);
  }
  PolicyTraits operator()(const SpanCountSettings& count) const {
    return bounded(count.max_spans != 0);
  }
  PolicyTraits operator()(const NumericAttributeSettings& attribute) const {
    return {.monotonic = !attribute.invert_match};
  }
  PolicyTraits operator()(const StringAttributeSettings& attribute) const {
    return {.monotonic = !attribute.invert_match};
  }
  PolicyTraits operator()(const BooleanAttributeSettings& attribute) const {
    return {.monotonic = !attribute.invert_match};
  }
  PolicyTraits operator()(const RateLimitingSettings&) const { return kRate; }
  PolicyTraits operator()(const BytesLimitingSettings&) const { return kRate; }
  PolicyTraits operator()(const CompositeSettings&) const { return kRate; }
  PolicyTraits operator()(const AndSettings& all) const { return traits_of_all(all.parts); }
  PolicyTraits operator()(const DropSettings& all) const { return traits_of_all(all.parts); }
  PolicyTraits operator()(const NotSettings& inverted) const {
    PolicyTraits traits = traits_of_all(inverted.part);
    traits.monotonic = false;
    return traits;
  }

 private:
  static constexpr PolicyTraits kRate = {.stateful = true, .monotonic = false, .by_chance = true};

  static PolicyTraits bounded(bool has_upper_bound) {
    return {.stateful = has_upper_bound, .monotonic = !has_upper_bound};
  }
};

}  // namespace

PolicyTraits traits_of(const PolicySettings& policy) {
  return std::visit(TraitsOf{}, policy.options);
}

std::string_view first_stateful(const std::vector<PolicySettings>& policies) {
  const auto found = std::ranges::find_if(
      policies, [](const PolicySettings& policy) { return traits_of(policy).stateful; });
  return found == policies.end() ? std::string_view() : found->name;
}

}  // namespace kernspan::sampling
