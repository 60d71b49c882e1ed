#include "pipeline/processors/probabilistic_sampler/probabilistic_sampler_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ProbabilisticSamplerTest : public ProcessorFixture {
 protected:
  ProbabilisticSamplerTest() : ProcessorFixture(probabilistic_sampler_processor_factory()) {}

  static otlp::ReferenceRequest with_priority(auto set) {
    otlp::ReferenceRequest request = otlp::reference_request(1);
    auto& attribute = *span_of(request).add_attributes();
    attribute.set_key("sampling.priority");
    set(*attribute.mutable_value());
    return request;
  }
  double sampled(const char* policy, const char* decision) {
    return stage_.metric("otelcol_processor_probabilistic_sampler_count_traces_sampled",
                         {{"processor", "processor"}, {"policy", policy}, {"sampled", decision}});
  }
};

TEST_F(ProbabilisticSamplerTest, DropsSpansAndMarksTheRest) {
  otlp::ReferenceRequest request = otlp::reference_request(4);
  // The second half of the trace id ends in the 56 bits that decide.
  for (int i = 0; i < 4; ++i) {
    std::string id(16, '\x11');
    id[9] = static_cast<char>(0x40 * i);
    span_of(request, i).set_trace_id(id);
  }
  otlp::ReferenceRequest result = process("{sampling_percentage: 50}", request);
  ASSERT_EQ(result.resource_spans(0).scope_spans(0).spans_size(), 2);
  EXPECT_EQ(span_of(result, 0).trace_state(), "ot=th:8");
  EXPECT_EQ(span_of(result, 0).span_id(), span_of(request, 2).span_id());
  const StageBalance balance = stage_.books.balance();
  EXPECT_TRUE(balance.balances());
  EXPECT_EQ(balance.taken, 4U);
  EXPECT_EQ(balance.passed_on, 2U);
  EXPECT_EQ(balance.dropped.at("not_sampled"), 2U);
  EXPECT_EQ(sampled("trace_id_w3c", "true"), 2);
  EXPECT_EQ(sampled("trace_id_w3c", "false"), 2);
}

TEST_F(ProbabilisticSamplerTest, ASeedMeansTheHash) {
  process("{sampling_percentage: 100, hash_seed: 22}", otlp::reference_request(3));
  EXPECT_EQ(sampled("trace_id_hash", "true"), 3);
}

TEST_F(ProbabilisticSamplerTest, NothingIsPassedOnWhenNothingIsLeft) {
  process("{sampling_percentage: 0}", otlp::reference_request(3));
  EXPECT_EQ(next_.spans(), 0U);
  EXPECT_THAT(next_.sizes(), IsEmpty());
  EXPECT_TRUE(stage_.books.balance().balances());
}

TEST_F(ProbabilisticSamplerTest, HonoursPrioritiesOfAnyType) {
  struct Case {
    std::function<void(opentelemetry::proto::common::v1::AnyValue&)> set;
    bool keep;
  };
  const std::vector<Case> cases = {
      {[](auto& value) { value.set_int_value(2); }, true},
      {[](auto& value) { value.set_double_value(0.5); }, true},
      {[](auto& value) { value.set_string_value("1"); }, true},
      {[](auto& value) { value.set_int_value(-1); }, false},
      {[](auto& value) { value.set_string_value("NaN"); }, false},
      {[](auto& value) { value.set_string_value("high"); }, false},
      {[](auto& value) { value.set_bool_value(true); }, false},
  };
  std::size_t kept = 0;
  for (const Case& expected : cases) {
    process("{sampling_percentage: 0}", with_priority(expected.set));
    kept += expected.keep ? 1U : 0U;
    EXPECT_EQ(next_.spans(), kept);
  }
  process("{sampling_percentage: 100}", with_priority([](auto& value) { value.set_int_value(0); }));
  process("{sampling_percentage: 100}",
          with_priority([](auto& value) { value.set_string_value("0.0"); }));
  EXPECT_EQ(next_.spans(), kept);
}

TEST_F(ProbabilisticSamplerTest, WhatTheNextRefusesIsNotCounted) {
  ASSERT_EQ(create("{sampling_percentage: 100}"), "");
  next_.refuse_all(true);
  EXPECT_FALSE(processor_->consume(*otlp::Batch::from_wire(otlp::reference_bytes(3))));
  EXPECT_EQ(stage_.books.balance().taken, 0U);
  EXPECT_EQ(sampled("trace_id_w3c", "true"), -1);
}

TEST_F(ProbabilisticSamplerTest, RefusesWhatUpstreamRefuses) {
  EXPECT_EQ(create("{sampling_percentage: 15.3, mode: equalizing, sampling_precision: 14}"), "");
  EXPECT_THAT(create("{sampling_percentage: -1}"), HasSubstr("sampling rate is negative: -1"));
  EXPECT_THAT(create("{sampling_percentage: 1e-20}"), HasSubstr("sampling rate is too small"));
  EXPECT_THAT(create("{sampling_percentage: 5, sampling_precision: 15}"),
              HasSubstr("sampling precision is too great, should be <= 14: 15"));
  EXPECT_THAT(create("{sampling_percentage: 5, sampling_precision: 0}"),
              HasSubstr("invalid sampling precision: 0"));
  EXPECT_THAT(create("{sampling_percentage: 5, mode: other}"),
              HasSubstr("\"other\" is none of proportional, equalizing, hash_seed"));
  EXPECT_THAT(create("{sampling_percentage: .inf}"), HasSubstr("sampling_percentage"));
}

}  // namespace
}  // namespace kernspan
