// Policies on the spans of any request: what the shared walk over a span finds is what looking up
// each attribute finds, and all policies come to an end, with a probability that is one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "pipeline/component/config_yaml.h"
#include "pipeline/processors/tail_sampling/policies/policies.h"
#include "tests/fuzz/input.h"

namespace kernspan::sampling {
namespace {

constexpr const char* kPolicies =
    "{policies: ["
    "{name: d, type: drop, drop: {drop_sub_policy: [{type: boolean_attribute,"
    " boolean_attribute: {key: d, value: true}}, {type: probabilistic,"
    " probabilistic: {sampling_percentage: 40}}]}},"
    "{name: l, type: latency, latency: {threshold_ms: 10, upper_threshold_ms: 5000}},"
    "{name: n, type: numeric_attribute, numeric_attribute: {key: n, min_value: 5}},"
    "{name: s, type: string_attribute, string_attribute: {key: s, values: ['a+$', '^b'],"
    " enabled_regex_matching: true, cache_max_size: 2}},"
    "{name: i, type: string_attribute, string_attribute: {key: s, values: [c],"
    " invert_match: true}},"
    "{name: c, type: status_code, status_code: {status_codes: [ERROR]}},"
    "{name: t, type: trace_state, trace_state: {key: k, values: [v]}},"
    "{name: o, type: ottl_condition, ottl_condition: {error_mode: ignore,"
    " span: ['attributes[\"n\"] > 3'], spanevent: ['name == \"e\"']}},"
    "{name: a, type: and, and: {and_sub_policy: [{type: trace_flags}, {type: probabilistic,"
    " probabilistic: {sampling_percentage: 50, hash_salt: x}}]}},"
    "{name: x, type: composite, composite: {max_total_spans_per_second: 9,"
    " composite_sub_policy: [{name: y, type: rate_limiting, rate_limiting: {spans_per_second: 2}},"
    " {name: z, type: always_sample}]}}]}";

std::vector<PolicySettings> settings() {
  ConfigWarnings warnings;
  const auto no_environment = [](std::string_view) { return std::optional<std::string>(); };
  const auto node = parse_config(kPolicies, "fuzz", no_environment, warnings);
  if (!node) std::abort();
  ConfigReader reader(*node, warnings, "fuzz");
  std::vector<PolicySettings> policies = read_policies(reader);
  if (!reader.finish()) std::abort();
  return policies;
}

void check_scan(const TraceView& trace) {
  TraceScan scan;
  constexpr std::string_view kKeys[] = {"n", "s", "http.method"};
  for (const std::string_view key : kKeys) scan.add_key(key);
  scan.want_trace_state();
  scan.start(trace);
  for (std::size_t i = 0; i < trace.spans.size(); ++i) {
    const HeldSpan& span = trace.spans[i];
    for (TraceScan::Key key = 0; key < std::size(kKeys); ++key) {
      const otlp::ValueView expected = span.index->find_attribute(span.span, kKeys[key]);
      const otlp::ValueView found = scan.span_value(i, key);
      if (found.kind() != expected.kind() || found.wire() != expected.wire()) std::abort();
    }
    if (scan.trace_state(i) != span.index->view(span.span).trace_state) std::abort();
  }
}

void check(std::string_view request, bool first_match) {
  static const std::vector<PolicySettings> kSettings = settings();
  static Metrics metrics;
  static PolicyCounters counters(kSettings, "tail_sampling", metrics);
  auto batch = otlp::Batch::from_wire(std::string(request));
  if (!batch || batch->empty()) return;
  const otlp::SpanIndex index(*batch);
  std::vector<HeldSpan> spans;
  for (std::uint32_t i = 0; i < index.size(); ++i) spans.push_back({&index, i});
  const TraceView trace{
      .trace_id = index.spans()[0].trace_id, .spans = spans, .byte_count = request.size()};
  check_scan(trace);
  Policies policies(kSettings, {.sample_on_first_match = first_match}, counters);
  for (std::uint64_t second = 1; second < 3; ++second) {
    const Verdict verdict = policies.decide(trace, second * 1'000'000'000);
    if (verdict.sampled() != verdict.probability.has_value()) std::abort();
    if (verdict.sampled() && !(*verdict.probability > 0 && *verdict.probability <= 1)) std::abort();
    policies.decide_early(trace, second * 1'000'000'000);
  }
  policies.publish_counts();
}

}  // namespace
}  // namespace kernspan::sampling

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const bool first_match = input.take_byte() % 2 == 0;
  kernspan::sampling::check(input.take(size), first_match);
  return 0;
}
