#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan::sampling {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PolicyReaderTest : public ::testing::Test {
 protected:
  // What is wrong with a processor's settings; empty when nothing is.
  std::string read(const std::string& yaml) {
    node_ = ComponentStage::yaml(yaml);
    ConfigReader reader(node_, warnings_, "processors::tail_sampling");
    settings_ = read_policies(reader);
    const Status read = reader.finish();
    return read ? "" : read.error().message;
  }
  std::string read_policy(const std::string& yaml) { return read("{policies: [" + yaml + "]}"); }
  std::string warnings() const {
    std::string all;
    for (const std::string& message : warnings_.messages) all += message + "\n";
    return all;
  }

  ConfigNode node_;
  ConfigWarnings warnings_;
  std::vector<PolicySettings> settings_;
};

TEST_F(PolicyReaderTest, RefusesWhatTheCollectorRefuses) {
  struct Row {
    const char* policy;
    const char* error;
  };
  const std::vector<Row> rows = {
      {"{type: always_sample}", "name: policy name cannot be empty"},
      {"{name: '', type: always_sample}", "name: policy name cannot be empty"},
      {"{name: a}", "unknown sampling policy type \"\""},
      {"{name: a, type: allways}", "unknown sampling policy type \"allways\""},
      {"{name: a, type: always_sample}, {name: a, type: trace_flags}",
       "duplicate policy name \"a\""},
      {"{name: a, type: always_sample, always_sample: {}}", "unknown key \"always_sample\""},
      {"{name: a, type: always_sample, invert: true}", "unknown key \"invert\""},
      {"{name: a, type: latency, latency: {treshold_ms: 5}}", "did you mean \"threshold_ms\"?"},
      {"{name: a, type: latency, latency: {threshold_ms: 5s}}", "expected an integer"},
      {"{name: a, type: latency, latency: {threshold_ms: -1}}", "out of range"},
      {"{name: a, type: latency, latency: 5}", "expected a map of settings"},
      {"{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 1.5}}",
       "expected an integer"},
      {"{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: x}}",
       "expected an integer"},
      {"{name: a, type: probabilistic, probabilistic: {sampling_percentage: ten}}",
       "expected a number"},
      {"{name: a, type: probabilistic, probabilistic: {percentage: 10}}",
       "unknown key \"percentage\""},
      {"{name: a, type: status_code}", "expected at least one status code to filter on"},
      {"{name: a, type: status_code, status_code: {status_codes: []}}",
       "expected at least one status code to filter on"},
      {"{name: a, type: status_code, status_code: {status_codes: [ERR]}}",
       "unknown status code \"ERR\", supported: OK, ERROR, UNSET"},
      {"{name: a, type: status_code, status_code: {status_codes: [error]}}",
       "unknown status code \"error\""},
      {"{name: a, type: string_attribute, string_attribute: {key: k, values: ['a[']"
       ", enabled_regex_matching: true}}",
       "cannot compile the pattern \"a[\""},
      {"{name: a, type: string_attribute, string_attribute: {key: k, values: ['(?<=a)b']"
       ", enabled_regex_matching: true}}",
       "cannot compile the pattern"},
      {"{name: a, type: string_attribute, string_attribute: {key: k, values: {a: b}}}",
       "expected a list of strings"},
      {"{name: a, type: string_attribute, string_attribute: {key: k, values: [v]"
       ", invert_match: maybe}}",
       "expected true or false"},
      {"{name: a, type: boolean_attribute, boolean_attribute: {key: k, value: 1}}",
       "expected true or false"},
      {"{name: a, type: rate_limiting, rate_limiting: {spans_per_second: -1}}", "out of range"},
      {"{name: a, type: rate_limiting, rate_limiting: {spans_per_second: 1.5}}",
       "expected an integer"},
      {"{name: a, type: rate_limiting, rate_limiting: {burst: 1}}", "unknown key \"burst\""},
      {"{name: a, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1MiB}}",
       "expected an integer"},
      {"{name: a, type: span_count, span_count: {min_spans: 3000000000}}", "out of range"},
      {"{name: a, type: span_count, span_count: {min_spans: -2}}", "out of range"},
      {"{name: a, type: trace_state, trace_state: {key: k, value: v}}", "unknown key \"value\""},
      {"{name: a, type: ottl_condition}", "expected at least one OTTL condition to filter on"},
      {"{name: a, type: ottl_condition, ottl_condition: {error_mode: loud, span: ['true']}}",
       "\"loud\" is none of propagate, ignore, silent"},
      {"{name: a, type: ottl_condition, ottl_condition: {span: ['name = 5']}}",
       "test.yaml:1:69: processors::tail_sampling::policies[0]::ottl_condition::span: column"},
      {"{name: a, type: ottl_condition, ottl_condition: {spanevent: [[]]}}",
       "expected a condition"},
      {"{name: a, type: ottl_condition, ottl_condition: {span: [], spanevent: []}}",
       "expected at least one OTTL condition to filter on"},
      {"{name: a, type: and}", "and_sub_policy: list at least one policy"},
      {"{name: a, type: and, and: {and_sub_policy: []}}", "list at least one policy"},
      {"{name: a, type: and, and: {and_sub_policy: {type: latency}}}", "expected a list"},
      {"{name: a, type: and, and: {and_sub_policy: [{type: latencies}]}}",
       "unknown sampling policy type \"latencies\""},
      {"{name: a, type: and, and: {and_sub_policy: [{type: status_code}]}}",
       "expected at least one status code"},
      {"{name: a, type: and, and: {and_sub_policy: [{name: b, type: drop, drop:"
       " {drop_sub_policy: [{type: trace_flags}]}}]}}",
       "unknown sampling policy type \"drop\" inside of another policy"},
      {"{name: a, type: not}", "not_sub_policy: is required and missing"},
      {"{name: a, type: not, not: {not_sub_policy: {}}}", "unknown sampling policy type \"\""},
      {"{name: a, type: drop, drop: {drop_sub_policy: []}}", "list at least one policy"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 1}}",
       "composite_sub_policy: list at least one policy"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 1, composite_sub_policy:"
       " [{name: b, type: composite, composite: {composite_sub_policy: [{type: latency}]}}]}}",
       "unknown sampling policy type \"composite\" inside of another policy"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 1, composite_sub_policy:"
       " [{name: b, type: latency}], rate_allocation: [{policy: b, percent: 101}]}}",
       "out of range"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 1, composite_sub_policy:"
       " [{name: b, type: latency}], rate_allocation: [{name: b, percent: 10}]}}",
       "unknown key \"name\""},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(read_policy(row.policy), HasSubstr(row.error)) << row.policy;
  }
}

TEST_F(PolicyReaderTest, NeedsPolicies) {
  EXPECT_THAT(read("{}"), HasSubstr("policies: is required and missing"));
  EXPECT_THAT(read("{policies: []}"), HasSubstr("list at least one policy"));
  EXPECT_THAT(read("{policies: {name: a}}"), HasSubstr("expected a list"));
}

TEST_F(PolicyReaderTest, SaysWhere) {
  EXPECT_EQ(read("policies:\n"
                 "  - name: a\n"
                 "    type: and\n"
                 "    and:\n"
                 "      and_sub_policy:\n"
                 "        - type: status_code\n"
                 "          status_code: {status_codes: [OK, BAD]}\n"),
            "test.yaml:7:39: processors::tail_sampling::policies[0]::and::and_sub_policy[0]::"
            "status_code::status_codes: unknown status code \"BAD\", supported: OK, ERROR, UNSET");
}

TEST_F(PolicyReaderTest, ReportsAllThatIsWrong) {
  const std::string errors = read_policy(
      "{name: a, type: latency, latency: {threshold_ms: x}}, {type: nothing},"
      " {name: a, type: status_code}");
  EXPECT_THAT(errors, HasSubstr("expected an integer"));
  EXPECT_THAT(errors, HasSubstr("unknown sampling policy type \"nothing\""));
  EXPECT_THAT(errors, HasSubstr("duplicate policy name"));
  EXPECT_THAT(errors, HasSubstr("expected at least one status code"));
}

TEST_F(PolicyReaderTest, WarnsOfWhatHasNoEffect) {
  struct Row {
    const char* policy;
    const char* warning;
  };
  const std::vector<Row> rows = {
      {"{name: a, type: latency, latency: {threshold_ms: 5}, status_code: {status_codes: [OK]}}",
       "status_code: has no effect here: the policy's type is \"latency\""},
      {"{name: a, type: latency, latency: {threshold_ms: 5, upper_threshold_ms: 5}}",
       "the policy samples nothing"},
      {"{name: a, type: numeric_attribute, numeric_attribute: {key: k, min_value: 9, max_value: "
       "3}}",
       "no value is in the range"},
      {"{name: a, type: string_attribute, string_attribute: {values: [v]}}",
       "no attribute will match"},
      {"{name: a, type: probabilistic, probabilistic: {}}", "samples nothing"},
      {"{name: a, type: probabilistic, probabilistic: {sampling_percentage: -3}}",
       "samples nothing"},
      {"{name: a, type: rate_limiting, rate_limiting: {}}", "nothing is sampled"},
      {"{name: a, type: span_count, span_count: {min_spans: 5, max_spans: 2}}", "samples nothing"},
      {"{name: a, type: composite, composite: {composite_sub_policy: [{name: b, type: latency}]}}",
       "samples nothing"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 9, policy_order: [x],"
       " composite_sub_policy: [{name: b, type: latency}]}}",
       "\"x\" is no (further) name"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 9, policy_order: [c, b],"
       " composite_sub_policy: [{name: b, type: latency}, {name: c, type: latency}]}}",
       "is not the order of composite_sub_policy"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 9, rate_allocation:"
       " [{policy: x, percent: 5}], composite_sub_policy: [{name: b, type: latency}]}}",
       "\"x\" is no name in composite_sub_policy"},
      {"{name: a, type: composite, composite: {max_total_spans_per_second: 9, rate_allocation:"
       " [{policy: b, percent: 60}, {policy: c, percent: 60}],"
       " composite_sub_policy: [{name: b, type: latency}, {name: c, type: latency}]}}",
       "allocates 120 percent"},
  };
  for (const Row& row : rows) {
    warnings_ = {};
    EXPECT_EQ(read_policy(row.policy), "");
    EXPECT_THAT(warnings(), HasSubstr(row.warning)) << row.policy;
  }
}

TEST_F(PolicyReaderTest, NestsWhatTheCollectorDoesNot) {
  EXPECT_EQ(read_policy("{name: a, type: and, and: {and_sub_policy: [{name: b, type: not, not:"
                        " {not_sub_policy: {name: c, type: trace_flags}}}]}}"),
            "");
  ASSERT_EQ(warnings_.deviations.size(), 1U);
  EXPECT_EQ(warnings_.deviations[0].rule, "nested_policy");
  // As the collector takes it.
  warnings_ = {};
  EXPECT_EQ(read_policy("{name: a, type: composite, composite: {max_total_spans_per_second: 9,"
                        " composite_sub_policy: [{name: b, type: and, and: {and_sub_policy:"
                        " [{name: c, type: trace_flags}]}}]}}"),
            "");
  EXPECT_THAT(warnings_.deviations, IsEmpty());
}

TEST_F(PolicyReaderTest, BoundsTheNesting) {
  std::string policy = "{type: trace_flags}";
  for (int depth = 0; depth < 15; ++depth)
    policy = "{type: not, not: {not_sub_policy: " + policy + "}}";
  EXPECT_EQ(read_policy("{name: a, " + policy.substr(1)), "");
  policy = "{type: not, not: {not_sub_policy: " + policy + "}}";
  EXPECT_THAT(read_policy("{name: a, " + policy.substr(1)), HasSubstr("nested more than 16 deep"));
}

// The collector's documentation has this one.
TEST_F(PolicyReaderTest, ReadsEverySetting) {
  EXPECT_EQ(
      read_policy(
          "{name: p1, type: always_sample},"
          "{name: p2, type: latency, latency: {threshold_ms: 5000, upper_threshold_ms: 10000}},"
          "{name: p3, type: numeric_attribute, numeric_attribute: {key: key1, min_value: 50,"
          " max_value: 100}},"
          "{name: p4, type: probabilistic, probabilistic: {sampling_percentage: 10,"
          " hash_salt: custom}},"
          "{name: p5, type: status_code, status_code: {status_codes: [ERROR, UNSET]}},"
          "{name: p6, type: string_attribute, string_attribute: {key: key2, values: [value1,"
          " value2]}},"
          "{name: p7, type: string_attribute, string_attribute: {key: key2, values: [value1, val*],"
          " enabled_regex_matching: true, cache_max_size: 10}},"
          "{name: p8, type: rate_limiting, rate_limiting: {spans_per_second: 35,"
          " burst_capacity: 70}},"
          "{name: p9, type: bytes_limiting, bytes_limiting: {bytes_per_second: 1024000,"
          " burst_capacity: 2048000}},"
          "{name: p10, type: span_count, span_count: {min_spans: 2, max_spans: 20}},"
          "{name: p11, type: trace_state, trace_state: {key: key3, values: [value1, value2]}},"
          "{name: p12, type: boolean_attribute, boolean_attribute: {key: key4, value: true,"
          " invert_match: true}},"
          "{name: p13, type: trace_flags}"),
      "");
  ASSERT_EQ(settings_.size(), 13U);
  EXPECT_EQ(std::get<LatencySettings>(settings_[1].options).upper_threshold_ms, 10000);
  EXPECT_EQ(std::get<NumericAttributeSettings>(settings_[2].options).max_value, 100);
  EXPECT_EQ(std::get<ProbabilisticSettings>(settings_[3].options).hash_salt, "custom");
  EXPECT_EQ(std::get<StatusCodeSettings>(settings_[4].options).codes, 0b101);
  EXPECT_EQ(std::get<StringAttributeSettings>(settings_[6].options).cache_max_size, 10U);
  EXPECT_EQ(std::get<RateLimitingSettings>(settings_[7].options).burst_capacity, 70);
  EXPECT_EQ(std::get<BytesLimitingSettings>(settings_[8].options).bytes_per_second, 1'024'000);
  EXPECT_EQ(std::get<SpanCountSettings>(settings_[9].options).max_spans, 20);
  EXPECT_EQ(std::get<TraceStateSettings>(settings_[10].options).values.size(), 2U);
  EXPECT_TRUE(std::get<BooleanAttributeSettings>(settings_[11].options).invert_match);
  EXPECT_THAT(warnings(), IsEmpty());
}

}  // namespace
}  // namespace kernspan::sampling
