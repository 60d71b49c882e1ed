#include "tests/unit/tools/kernspan/doctor/rule_case.h"

namespace kernspan::doctor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class SamplingRules : public RuleCase {
 protected:
  static std::string sampler(const std::string& settings) {
    return "processors: {tail_sampling: {" + settings + "}}\n" + pipeline("tail_sampling", "otlp");
  }
};

TEST_F(SamplingRules, PoliciesOnFields) {
  EXPECT_THAT(found("policy_on_a_field",
                    sampler("policies: [{name: a, type: string_attribute, string_attribute: {key: "
                            "span.kind, values: [server]}}]")),
              HasSubstr("span.kind is a field"));
  EXPECT_THAT(find("policy_on_a_field",
                   sampler("policies: [{type: and, and: {and_sub_policy: [{string_attribute: {key: "
                           "span.name}}]}}]")),
              SizeIs(1));
  EXPECT_EQ(found("policy_on_a_field",
                  sampler("policies: [{string_attribute: {key: http.route, values: [a]}}]")),
            "");
}

TEST_F(SamplingRules, TracesThatAreHeldTwice) {
  const std::string both =
      "processors: {groupbytrace: {wait_duration: 20s}, tail_sampling: {decision_wait: 30s}}\n";
  EXPECT_THAT(found("double_wait", both + pipeline("groupbytrace, tail_sampling", "otlp")),
              HasSubstr("50s in all"));
  EXPECT_EQ(found("double_wait", both + pipeline("tail_sampling", "otlp")), "");
}

TEST_F(SamplingRules, TracesThatReplicasSplit) {
  EXPECT_THAT(found("split_traces", sampler("")), HasSubstr("with more than one"));
  circumstances_.replicas = 3;
  EXPECT_THAT(found("split_traces", sampler("")), HasSubstr("with 3 replicas"));
  EXPECT_EQ(found("split_traces", sampler("replicas: replicas")), "");
  circumstances_.replicas = 1;
  EXPECT_EQ(found("split_traces", sampler("")), "");
}

TEST_F(SamplingRules, MetricsOfASample) {
  const auto yaml = [](const std::string& processors) {
    return "processors: {tail_sampling: , batch: }\nconnectors: {spanmetrics: }\n" +
           pipeline(processors, "spanmetrics");
  };
  EXPECT_THAT(found("metrics_of_a_sample", yaml("tail_sampling")), HasSubstr(" warning: "));
  EXPECT_THAT(found("metrics_of_a_sample", yaml("batch")), HasSubstr(" info: "));
  EXPECT_EQ(found("metrics_of_a_sample", sampler("")), "");
}

TEST_F(SamplingRules, HeadSampling) {
  const auto yaml = [](const std::string& percentage) {
    return "processors: {probabilistic_sampler: {sampling_percentage: " + percentage + "}}\n" +
           pipeline("probabilistic_sampler", "otlp");
  };
  EXPECT_THAT(found("head_sampling", yaml("12.5")), HasSubstr("87.5 % of the traces with errors"));
  EXPECT_EQ(found("head_sampling", yaml("100")), "");
}

TEST_F(SamplingRules, RatesOfTraces) {
  EXPECT_THAT(found("trace_rate", sampler("num_traces: 10000")),
              HasSubstr("at most 333 new traces per second"));
  EXPECT_THAT(found("trace_rate", sampler("")), HasSubstr("at most 1,667 new traces"));
  EXPECT_EQ(found("trace_rate", sampler("num_traces: 1000000")), "");
  EXPECT_THAT(
      found("trace_rate", sampler("num_traces: 1000000, expected_new_traces_per_sec: 50000")),
      AllOf(HasSubstr("33,333"), HasSubstr("50,000 are expected")));
  EXPECT_EQ(found("trace_rate", sampler("decision_wait: 0s")), "");
}

TEST_F(SamplingRules, MemoryOfTraces) {
  EXPECT_THAT(found("trace_memory", sampler("num_traces: 100000")),
              AllOf(HasSubstr("1.0 GB to 5.0 GB"), HasSubstr("give --memory")));
  EXPECT_EQ(found("trace_memory", sampler("num_traces: 10000")), "");
  circumstances_.memory_bytes = 4ull << 30;
  EXPECT_THAT(found("trace_memory", sampler("num_traces: 100000")),
              HasSubstr("the memory limit is 4.3 GB"));
  circumstances_.memory_bytes = 8ull << 30;
  EXPECT_EQ(found("trace_memory", sampler("num_traces: 100000")), "");
  // 8 GiB, of which the limiter gives spans half.
  EXPECT_THAT(found("trace_memory",
                    "processors: {memory_limiter: {limit_percentage: 50}, tail_sampling: "
                    "{num_traces: 100000}}\n" +
                        pipeline("memory_limiter, tail_sampling", "otlp")),
              HasSubstr("the memory limit is 4.3 GB"));
}

TEST_F(SamplingRules, BatchesBeforeSampling) {
  const std::string both = "processors: {batch: , tail_sampling: }\n";
  EXPECT_THAT(found("batch_before_sampling", both + pipeline("batch, tail_sampling", "otlp")),
              HasSubstr("takes batches apart"));
  EXPECT_EQ(found("batch_before_sampling", both + pipeline("tail_sampling, batch", "otlp")), "");
}

}  // namespace
}  // namespace kernspan::doctor
