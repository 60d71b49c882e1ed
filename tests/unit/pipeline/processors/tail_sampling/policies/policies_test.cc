#include "pipeline/processors/tail_sampling/policies/policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "pipeline/processors/tail_sampling/policies/text_patterns.h"
#include "tests/unit/pipeline/processors/tail_sampling/policies/policies_fixture.h"

namespace kernspan::sampling {
namespace {

using nlohmann::json;

constexpr const char* kErrorsAndAll =
    "[{name: errors, type: status_code, status_code: {status_codes: [ERROR]}},"
    " {name: all, type: always_sample}]";

TEST(PoliciesTest, CountTracesAndSpansByWhatEachPolicySays) {
  PoliciesUnderTest policies(kErrorsAndAll);
  policies.decide({{"spans", 3}});
  policies.decide({{"spans", {{{"status", "ERROR"}}, {{"status", "OK"}}}}});
  EXPECT_EQ(policies.traces("errors", "not_sampled"), 1);
  EXPECT_EQ(policies.spans("errors", "not_sampled"), 3);
  EXPECT_EQ(policies.traces("errors", "sampled"), 1);
  EXPECT_EQ(policies.spans("errors", "sampled"), 2);
  EXPECT_EQ(policies.traces("all", "sampled"), 2);
  EXPECT_EQ(policies.spans("all", "sampled"), 5);
  EXPECT_EQ(policies.traces("all", "dropped"), 0);
  EXPECT_EQ(policies.executions("errors"), 2);
  EXPECT_EQ(policies.executions("all"), 2);
}

TEST(PoliciesTest, CountHowOftenEachWasAsked) {
  PoliciesUnderTest policies(
      "[{name: no, type: drop, drop: {drop_sub_policy: [{type: status_code, status_code: "
      "{status_codes: [ERROR]}}]}}, {name: all, type: always_sample}]");
  policies.decide({{"spans", {{{"status", "ERROR"}}}}});  // dropped: nothing else is asked
  policies.decide({{"spans", 1}});
  EXPECT_EQ(policies.executions("no"), 2);
  EXPECT_EQ(policies.executions("all"), 1);
}

TEST(PoliciesTest, ANamedProcessorPutsItsNameInFront) {
  ComponentStage stage("tail_sampling/edge");
  PoliciesUnderTest policies(kErrorsAndAll);
  PolicyCounters counters(policies.settings(), "tail_sampling/edge", stage.metrics);
  counters.of(1, Decision::kSampled).traces.add(4);
  EXPECT_EQ(stage.metric("otelcol_processor_tail_sampling_count_traces_sampled",
                         {{"processor", "tail_sampling/edge"},
                          {"policy", "edge.all"},
                          {"sampled", "true"},
                          {"decision", "sampled"}}),
            4);
}

TEST(PoliciesTest, DropPoliciesStandInFront) {
  PoliciesUnderTest policies(
      "[{name: all, type: always_sample},"
      " {name: no, type: drop, drop: {drop_sub_policy: [{type: trace_flags}]}},"
      " {name: more, type: always_sample}]");
  ASSERT_EQ(policies.policies().size(), 3U);
  EXPECT_EQ(policies.policies().name(0), "no");
  EXPECT_EQ(policies.policies().name(1), "all");
  EXPECT_EQ(policies.policies().name(2), "more");
}

TEST(PoliciesTest, SpansThatAreNoLongerHeldCount) {
  PoliciesUnderTest policies("[{name: many, type: span_count, span_count: {min_spans: 10}}]");
  const TraceSource source({{"spans", 2}}, {});
  TraceView view = source.view();
  EXPECT_FALSE(policies.policies().decide(view, 0).sampled());
  view.spans_not_held = 8;
  EXPECT_TRUE(policies.policies().decide(view, 0).sampled());
  EXPECT_EQ(policies.spans("many", "sampled"), 10);
}

TEST(PoliciesTest, SayWhatTheyDependOn) {
  PoliciesUnderTest policies(
      "[{name: all, type: always_sample},"
      " {name: share, type: probabilistic, probabilistic: {sampling_percentage: 1}},"
      " {name: slow, type: latency, latency: {threshold_ms: 1}},"
      " {name: band, type: latency, latency: {threshold_ms: 1, upper_threshold_ms: 2}},"
      " {name: few, type: span_count, span_count: {max_spans: 2}},"
      " {name: rate, type: rate_limiting, rate_limiting: {spans_per_second: 1}},"
      " {name: inverted, type: string_attribute,"
      "  string_attribute: {key: k, values: [v], invert_match: true}},"
      " {name: not, type: not, not: {not_sub_policy: {type: trace_flags}}},"
      " {name: and, type: and, and: {and_sub_policy: [{type: bytes_limiting,"
      "  bytes_limiting: {bytes_per_second: 1}}]}}]");
  struct Row {
    bool stateful, monotonic, by_chance;
  };
  const std::vector<Row> expected = {
      {false, true, false},  {false, true, true},   {false, true, false},
      {true, false, false},  {true, false, false},  {true, false, true},
      {false, false, false}, {false, false, false}, {true, false, true},
  };
  ASSERT_EQ(policies.settings().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const PolicyTraits traits = traits_of(policies.settings()[i]);
    EXPECT_EQ(traits.stateful, expected[i].stateful) << policies.settings()[i].name;
    EXPECT_EQ(traits.monotonic, expected[i].monotonic) << policies.settings()[i].name;
    EXPECT_EQ(traits.by_chance, expected[i].by_chance) << policies.settings()[i].name;
  }
  EXPECT_EQ(first_stateful(policies.settings()), "band");
  EXPECT_EQ(first_stateful(PoliciesUnderTest(kErrorsAndAll).settings()), "");
}

// The sum of 1 / probability over the sampled traces is the number of all traces, whatever the
// policies make of them.
TEST(PoliciesTest, AdjustedCountsAddUp) {
  const char* const kPolicies =
      "[{name: never, type: drop, drop: {drop_sub_policy: ["
      "   {type: string_attribute, string_attribute: {key: path, values: [/health]}},"
      "   {type: probabilistic, probabilistic: {sampling_percentage: 75}}]}},"
      " {name: errors, type: status_code, status_code: {status_codes: [ERROR]}},"
      " {name: checkout, type: and, and: {and_sub_policy: ["
      "   {type: string_attribute, string_attribute: {key: path, values: [/checkout]}},"
      "   {type: probabilistic, probabilistic: {sampling_percentage: 50, hash_salt: a}}]}},"
      " {name: some, type: probabilistic, probabilistic: {sampling_percentage: 20}},"
      " {name: others, type: probabilistic, probabilistic: {sampling_percentage: 5, hash_salt: "
      "b}}]";
  const std::vector<json> kinds = {
      {{"status", "ERROR"}, {"attributes", {{"path", "/cart"}}}},
      {{"attributes", {{"path", "/cart"}}}},
      {{"attributes", {{"path", "/checkout"}}}},
      {{"attributes", {{"path", "/health"}}}},
      {{"status", "ERROR"}, {"attributes", {{"path", "/health"}}}},
  };
  for (const bool first_match : {false, true}) {
    PoliciesUnderTest policies(kPolicies, {.sample_on_first_match = first_match});
    std::mt19937_64 random(5);
    for (const json& kind : kinds) {
      const TraceSource source({{"spans", {kind}}}, {});
      TraceView view = source.view();
      constexpr int kTraces = 40'000;
      double estimate = 0;
      for (int i = 0; i < kTraces; ++i) {
        for (std::uint8_t& byte : view.trace_id.bytes) byte = static_cast<std::uint8_t>(random());
        const Verdict verdict = policies.policies().decide(view, 0);
        if (verdict.sampled()) estimate += 1 / verdict.probability.value();
        EXPECT_FALSE(verdict.estimated);
      }
      EXPECT_NEAR(estimate / kTraces, 1, 0.04) << kind.dump() << first_match;
    }
  }
}

TEST(PoliciesTest, MoveWithTheirState) {
  PoliciesUnderTest policies(
      "[{name: one, type: rate_limiting, rate_limiting: {spans_per_second: 1, burst_capacity: "
      "1}}]");
  EXPECT_TRUE(policies.decide({{"spans", 1}}).sampled());
  Policies moved = std::move(policies.policies());
  const TraceSource source({{"spans", 1}}, {});
  EXPECT_FALSE(moved.decide(source.view(), PoliciesUnderTest::kStart).sampled());
}

TEST(PatternCacheTest, ForgetsWhatWasUsedLongestAgo) {
  PatternCache cache(TextPatterns::compile({"^a"}).value(), 3);
  for (int round = 0; round < 3; ++round) {
    for (const char* text : {"a", "ab", "b", "c", "ad", "a"}) {
      EXPECT_EQ(cache.match(text), text[0] == 'a') << text;
    }
  }
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_TRUE(cache.match("a" + std::string(10'000, 'x')));
  EXPECT_EQ(cache.size(), 3U);
}

}  // namespace
}  // namespace kernspan::sampling
