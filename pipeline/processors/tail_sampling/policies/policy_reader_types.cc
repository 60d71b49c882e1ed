// The settings of the policies that have no parts.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "pipeline/otlp/span_encoder.h"
#include "pipeline/processors/tail_sampling/policies/ottl_conditions.h"
#include "pipeline/processors/tail_sampling/policies/policy_reader.h"
#include "pipeline/processors/tail_sampling/policies/text_patterns.h"

namespace kernspan::sampling {
namespace {

void warn_if_without_key(ConfigReader& settings, const std::string& key) {
  if (key.empty()) settings.warning("key", "is empty: no attribute will match");
}

}  // namespace

PolicyReader::Options PolicyReader::read_always_sample(ConfigReader&) {
  return AlwaysSampleSettings{};
}

PolicyReader::Options PolicyReader::read_trace_flags(ConfigReader&) {
  return TraceFlagsSettings{};
}

PolicyReader::Options PolicyReader::read_latency(ConfigReader& settings) {
  LatencySettings result;
  settings.integer<std::int64_t>("threshold_ms", &result.threshold_ms, 0);
  settings.integer<std::int64_t>("upper_threshold_ms", &result.upper_threshold_ms, 0);
  if (result.upper_threshold_ms != 0 && result.upper_threshold_ms <= result.threshold_ms) {
    settings.warning("upper_threshold_ms", "is not above threshold_ms: the policy samples nothing");
  }
  return result;
}

PolicyReader::Options PolicyReader::read_numeric_attribute(ConfigReader& settings) {
  NumericAttributeSettings result;
  settings.string("key", &result.key);
  settings.integer("min_value", &result.min_value);
  settings.integer("max_value", &result.max_value);
  settings.boolean("invert_match", &result.invert_match);
  warn_if_without_key(settings, result.key);
  if (result.min_value != 0 && result.max_value != 0 && result.min_value > result.max_value) {
    settings.warning("max_value", "is below min_value: no value is in the range");
  }
  return result;
}

PolicyReader::Options PolicyReader::read_probabilistic(ConfigReader& settings) {
  ProbabilisticSettings result;
  settings.string("hash_salt", &result.hash_salt);
  settings.number("sampling_percentage", &result.sampling_percentage);
  if (result.sampling_percentage <= 0) {
    settings.warning("sampling_percentage", "is not above 0: the policy samples nothing");
  }
  return result;
}

PolicyReader::Options PolicyReader::read_status_code(ConfigReader& settings) {
  constexpr std::array<std::pair<std::string_view, otlp::StatusCode>, 3> kCodes = {{
      {"OK", otlp::StatusCode::kOk},
      {"ERROR", otlp::StatusCode::kError},
      {"UNSET", otlp::StatusCode::kUnset},
  }};
  StatusCodeSettings result;
  std::vector<std::string> words;
  settings.string_list("status_codes", &words);
  if (words.empty()) {
    settings.error("status_codes", "expected at least one status code to filter on");
  }
  for (const std::string& word : words) {
    const auto found = std::ranges::find(kCodes, word, [](const auto& code) { return code.first; });
    if (found == kCodes.end()) {
      settings.error("status_codes",
                     fmt::format("unknown status code \"{}\", supported: OK, ERROR, UNSET", word));
      continue;
    }
    const auto bit = static_cast<unsigned>(found->second);
    result.codes = static_cast<std::uint8_t>(result.codes | 1U << bit);
  }
  return result;
}

PolicyReader::Options PolicyReader::read_string_attribute(ConfigReader& settings) {
  StringAttributeSettings result;
  bool are_patterns = false;
  std::int64_t cache_max_size = 0;
  settings.string("key", &result.key);
  settings.string_list("values", &result.values);
  settings.boolean("enabled_regex_matching", &are_patterns);
  settings.integer("cache_max_size", &cache_max_size);
  settings.boolean("invert_match", &result.invert_match);
  warn_if_without_key(settings, result.key);
  if (cache_max_size > 0) result.cache_max_size = static_cast<std::size_t>(cache_max_size);
  if (are_patterns) {
    auto patterns = TextPatterns::compile(result.values);
    if (patterns) {
      result.patterns = *std::move(patterns);
    } else {
      settings.error("values", patterns.error().message);
    }
  }
  return result;
}

PolicyReader::Options PolicyReader::read_boolean_attribute(ConfigReader& settings) {
  BooleanAttributeSettings result;
  settings.string("key", &result.key);
  settings.boolean("value", &result.value);
  settings.boolean("invert_match", &result.invert_match);
  warn_if_without_key(settings, result.key);
  return result;
}

PolicyReader::Options PolicyReader::read_rate_limiting(ConfigReader& settings) {
  RateLimitingSettings result;
  settings.integer<std::int64_t>("spans_per_second", &result.spans_per_second, 0);
  settings.integer<std::int64_t>("burst_capacity", &result.burst_capacity, 0);
  if (result.spans_per_second == 0) {
    settings.warning("spans_per_second", "is 0: nothing is sampled once the burst is used up");
  }
  return result;
}

PolicyReader::Options PolicyReader::read_bytes_limiting(ConfigReader& settings) {
  BytesLimitingSettings result;
  settings.integer<std::int64_t>("bytes_per_second", &result.bytes_per_second, 0);
  settings.integer<std::int64_t>("burst_capacity", &result.burst_capacity, 0);
  if (result.bytes_per_second == 0) {
    settings.warning("bytes_per_second", "is 0: nothing is sampled once the burst is used up");
  }
  return result;
}

PolicyReader::Options PolicyReader::read_span_count(ConfigReader& settings) {
  SpanCountSettings result;
  settings.integer<std::int32_t>("min_spans", &result.min_spans, 0);
  settings.integer<std::int32_t>("max_spans", &result.max_spans, 0);
  if (result.max_spans != 0 && result.max_spans < result.min_spans) {
    settings.warning("max_spans", "is below min_spans: the policy samples nothing");
  }
  return result;
}

PolicyReader::Options PolicyReader::read_trace_state(ConfigReader& settings) {
  TraceStateSettings result;
  settings.string("key", &result.key);
  settings.string_list("values", &result.values);
  return result;
}

// One string stands for a list of one: it is not split on commas, of which conditions have some.
void PolicyReader::add_conditions(ConfigReader& settings, std::string_view key,
                                  ottl::Context context, OttlConditions& conditions) {
  const ConfigNode* const node = settings.node(key);
  if (node == nullptr) return;
  const auto add = [&](const ConfigNode& text) {
    if (!text.is_scalar()) {
      return settings.add_problem(
          text.position(), fmt::format("{}::{}: expected a condition, found {}", settings.path(),
                                       key, text.describe()));
    }
    if (const Status added = conditions.add(text.text(), context); !added) {
      settings.add_problem(text.position(),
                           fmt::format("{}::{}: {}", settings.path(), key, added.error().message));
    }
  };
  if (!node->is_list()) return add(*node);
  for (const ConfigNode& item : node->items()) add(item);
}

PolicyReader::Options PolicyReader::read_ottl_condition(ConfigReader& settings) {
  ottl::ErrorMode error_mode = ottl::ErrorMode::kPropagate;
  settings.choice("error_mode", &error_mode,
                  {{"propagate", ottl::ErrorMode::kPropagate},
                   {"ignore", ottl::ErrorMode::kIgnore},
                   {"silent", ottl::ErrorMode::kSilent}});
  const auto is_empty = [&](std::string_view key) {
    const ConfigNode* const node = settings.node(key);
    return node == nullptr || (node->is_list() && node->items().empty());
  };
  if (is_empty("span") && is_empty("spanevent")) {
    settings.error("", "expected at least one OTTL condition to filter on");
  }
  auto conditions = std::make_shared<OttlConditions>(error_mode);
  add_conditions(settings, "span", ottl::Context::kSpan, *conditions);
  add_conditions(settings, "spanevent", ottl::Context::kSpanEvent, *conditions);
  return OttlConditionSettings{std::move(conditions)};
}

}  // namespace kernspan::sampling
