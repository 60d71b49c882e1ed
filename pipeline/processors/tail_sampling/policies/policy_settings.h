// `policies:` of tail_sampling as read and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/component/config_reader.h"

namespace kernspan::sampling {

class OttlConditions;
class TextPatterns;
struct PolicySettings;

struct AlwaysSampleSettings {};

struct LatencySettings {
  std::int64_t threshold_ms = 0;
  std::int64_t upper_threshold_ms = 0;  // 0: none
};

struct NumericAttributeSettings {
  std::string key;
  std::int64_t min_value = 0;  // 0: none
  std::int64_t max_value = 0;  // 0: none
  bool invert_match = false;
};

struct ProbabilisticSettings {
  std::string hash_salt;
  double sampling_percentage = 0;
};

struct StatusCodeSettings {
  std::uint8_t codes = 0;  // a bit per otlp::StatusCode
};

struct StringAttributeSettings {
  std::string key;
  std::vector<std::string> values;
  std::shared_ptr<const TextPatterns> patterns;  // the values, where they are patterns
  std::size_t cache_max_size = 128;
  bool invert_match = false;
};

struct BooleanAttributeSettings {
  std::string key;
  bool value = false;
  bool invert_match = false;
};

struct RateLimitingSettings {
  std::int64_t spans_per_second = 0;
  std::int64_t burst_capacity = 0;  // 0: twice the rate
};

struct BytesLimitingSettings {
  std::int64_t bytes_per_second = 0;
  std::int64_t burst_capacity = 0;  // 0: twice the rate
};

struct SpanCountSettings {
  std::int32_t min_spans = 0;
  std::int32_t max_spans = 0;  // 0: none
};

struct TraceStateSettings {
  std::string key;
  std::vector<std::string> values;
};

struct TraceFlagsSettings {};

struct OttlConditionSettings {
  std::shared_ptr<const OttlConditions> conditions;
};

struct AndSettings {
  std::vector<PolicySettings> parts;
};

struct NotSettings {
  std::vector<PolicySettings> part;  // one
};

struct DropSettings {
  std::vector<PolicySettings> parts;
};

struct CompositeSettings {
  std::int64_t max_total_spans_per_second = 0;
  std::vector<PolicySettings> parts;   // in the order of evaluation
  std::vector<std::int64_t> percents;  // by part; 0: an equal share
};

struct PolicySettings {
  std::string name;
  std::variant<AlwaysSampleSettings, LatencySettings, NumericAttributeSettings,
               ProbabilisticSettings, StatusCodeSettings, StringAttributeSettings,
               BooleanAttributeSettings, RateLimitingSettings, BytesLimitingSettings,
               SpanCountSettings, TraceStateSettings, TraceFlagsSettings, OttlConditionSettings,
               AndSettings, NotSettings, DropSettings, CompositeSettings>
      options;

  bool is_drop() const { return std::holds_alternative<DropSettings>(options); }
};

// Reads the key `policies` of the processor's section, in the order of evaluation: drop policies
// first. What is wrong with them is reported to the reader and comes out of its finish(); then the
// result is not to be used.
std::vector<PolicySettings> read_policies(ConfigReader& reader);

// What a policy's decision depends on, parts included.
struct PolicyTraits {
  // What one trace gets depends on others (rates), or may change from sampled to not sampled as
  // spans come in because it has an upper bound. As upstream's IsStateful: such a policy cannot be
  // used with sampling_strategy span-ingest.
  bool stateful = false;
  // What it samples of a trace's first spans it samples of the whole trace. Not so for what is
  // inverted; sampling at the first spans is then a guess, as upstream.
  bool monotonic = true;
  // Chance has a part in it: probabilistic, or a rate.
  bool by_chance = false;
};
PolicyTraits traits_of(const PolicySettings& policy);

// The name of the first stateful policy; empty when there is none.
std::string_view first_stateful(const std::vector<PolicySettings>& policies);

}  // namespace kernspan::sampling
