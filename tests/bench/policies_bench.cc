// What the policies of tail_sampling cost per span, on traces of ten spans that have left the
// caches: 92 MB of requests, one trace after the other. One thread.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/component/config_yaml.h"
#include "pipeline/processors/tail_sampling/policies/policies.h"
#include "tests/bench/sample_spans.h"

namespace kernspan::sampling {
namespace {

constexpr std::size_t kRequests = 256;
constexpr std::size_t kSpansPerRequest = 510;
constexpr std::size_t kSpansPerTrace = 10;

struct Traces {
  Traces() {
    for (std::size_t i = 0; i < kRequests; ++i) {
      indexes.push_back(std::make_unique<otlp::SpanIndex>(sample_request(kSpansPerRequest)));
      for (std::uint32_t span = 0; span < kSpansPerRequest; ++span) {
        spans.push_back({indexes.back().get(), span});
      }
    }
  }
  TraceView trace(std::size_t number) const {
    const std::size_t begin = number * kSpansPerTrace % spans.size();
    const std::span<const HeldSpan> of_trace(spans.data() + begin, kSpansPerTrace);
    return {.trace_id = of_trace[0].fields().trace_id, .spans = of_trace, .byte_count = 7000};
  }

  std::vector<std::unique_ptr<otlp::SpanIndex>> indexes;
  std::vector<HeldSpan> spans;
};

std::vector<PolicySettings> settings_of(const std::string& yaml) {
  ConfigWarnings warnings;
  const auto no_environment = [](std::string_view) { return std::optional<std::string>(); };
  const auto node = parse_config("{policies: [" + yaml + "]}", "bench", no_environment, warnings);
  if (!node) std::abort();
  ConfigReader reader(*node, warnings, "bench");
  std::vector<PolicySettings> settings = read_policies(reader);
  if (!reader.finish()) std::abort();
  return settings;
}

void decide(benchmark::State& state, const std::string& yaml) {
  static const Traces kTraces;
  const std::vector<PolicySettings> settings = settings_of(yaml);
  Metrics metrics;
  PolicyCounters counters(settings, "tail_sampling", metrics);
  Policies policies(settings, {}, counters);
  std::size_t number = 0;
  std::size_t sampled = 0;
  for (auto _ : state) {
    sampled += policies.decide(kTraces.trace(number), number * 1'000).sampled();
    ++number;
  }
  const auto spans = static_cast<double>(state.iterations() * kSpansPerTrace);
  state.SetItemsProcessed(static_cast<std::int64_t>(spans));
  state.counters["time_per_span"] =
      benchmark::Counter(spans, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["sampled"] = static_cast<double>(sampled) / static_cast<double>(number);
}

const std::string kErrors =
    "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}";
const std::string kSlow = "{name: slow, type: latency, latency: {threshold_ms: 1000}}";
const std::string kCodes =
    "{name: codes, type: numeric_attribute, numeric_attribute: {key: http.response.status_code,"
    " min_value: 500}}";
const std::string kRoute =
    "{name: route, type: string_attribute, string_attribute: {key: http.route, values:"
    " [/checkout, /login]}}";
const std::string kPattern =
    "{name: pattern, type: string_attribute, string_attribute: {key: http.route, values:"
    " ['^/check.*', 'login$'], enabled_regex_matching: true}}";
const std::string kTenth =
    "{name: tenth, type: probabilistic, probabilistic: {sampling_percentage: 10}}";
const std::string kCondition =
    "{name: condition, type: ottl_condition, ottl_condition: {span:"
    " ['attributes[\"http.response.status_code\"] >= 500']}}";
const std::string kForced =
    "{name: forced, type: boolean_attribute, boolean_attribute: {key: app.force, value: true}}";
const std::string kDrop =
    "{name: health, type: drop, drop: {drop_sub_policy: [{type: string_attribute,"
    " string_attribute: {key: url.path, values: [/health]}}]}}";

BENCHMARK_CAPTURE(decide, always_sample, "{name: a, type: always_sample}");
BENCHMARK_CAPTURE(decide, probabilistic, kTenth);
BENCHMARK_CAPTURE(decide, status_code, kErrors);
BENCHMARK_CAPTURE(decide, latency, kSlow);
BENCHMARK_CAPTURE(decide, trace_flags, "{name: f, type: trace_flags}");
BENCHMARK_CAPTURE(decide, span_count, "{name: c, type: span_count, span_count: {min_spans: 20}}");
BENCHMARK_CAPTURE(decide, rate_limiting,
                  "{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 100000}}");
BENCHMARK_CAPTURE(decide, trace_state,
                  "{name: s, type: trace_state, trace_state: {key: k, values: [v]}}");
BENCHMARK_CAPTURE(decide, numeric_attribute, kCodes);
BENCHMARK_CAPTURE(decide, boolean_attribute, kForced);
BENCHMARK_CAPTURE(decide, string_attribute, kRoute);
BENCHMARK_CAPTURE(decide, string_attribute_patterns, kPattern);
BENCHMARK_CAPTURE(decide, ottl_condition, kCondition);
BENCHMARK_CAPTURE(decide, three_on_attributes, kCodes + "," + kRoute + "," + kForced);
BENCHMARK_CAPTURE(decide, five, kErrors + "," + kSlow + "," + kCodes + "," + kRoute + "," + kTenth);
BENCHMARK_CAPTURE(decide, five_and_a_drop,
                  kDrop + "," + kErrors + "," + kSlow + "," + kPattern + "," + kCodes + "," +
                      kTenth);

}  // namespace
}  // namespace kernspan::sampling

BENCHMARK_MAIN();
