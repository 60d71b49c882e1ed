#include "pipeline/processors/filter/filter_processor.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FilterTest : public ProcessorFixture {
 protected:
  FilterTest() : ProcessorFixture(filter_processor_factory()) {}

  // Spans of these routes, in order.
  static otlp::ReferenceRequest with_routes(const std::vector<std::string>& routes) {
    otlp::ReferenceRequest request = otlp::reference_request(routes.size());
    for (std::size_t i = 0; i < routes.size(); ++i) {
      auto& attribute = *span_of(request, static_cast<int>(i)).add_attributes();
      attribute.set_key("http.route");
      attribute.mutable_value()->set_string_value(routes[i]);
    }
    return request;
  }
  static std::vector<std::string> routes_of(const otlp::ReferenceRequest& request) {
    std::vector<std::string> routes;
    for (const auto& resource : request.resource_spans()) {
      for (const auto& scope : resource.scope_spans()) {
        for (const auto& span : scope.spans()) {
          routes.push_back(span.attributes(0).value().string_value());
        }
      }
    }
    return routes;
  }
  double metric(const std::string& name) { return stage_.metric(name, {{"filter", "processor"}}); }
};

TEST_F(FilterTest, DropsTheSpansOfTheGatewaysSeed) {
  const otlp::ReferenceRequest result =
      process(R"(
error_mode: ignore
traces:
  span:
    - 'attributes["http.route"] == "/health"'
    - 'attributes["http.route"] == "/ready"'
    - 'attributes["http.route"] == "/metrics"'
)",
              with_routes({"/health", "/cart", "/ready", "/pay", "/metrics"}));
  EXPECT_EQ(routes_of(result), (std::vector<std::string>{"/cart", "/pay"}));
  const StageBalance balance = stage_.books.balance();
  EXPECT_TRUE(balance.balances());
  EXPECT_EQ(balance.taken, 5U);
  EXPECT_EQ(balance.passed_on, 2U);
  EXPECT_EQ(balance.dropped.at("filtered"), 3U);
  EXPECT_EQ(metric("otelcol_processor_filter_spans_filtered"), 3);
}

TEST_F(FilterTest, TakesConditionsThatNameTheirContext) {
  const auto result = process(R"(
trace_conditions:
  - span.attributes["http.route"] == "/a"
  - span.attributes["http.route"] == "/b" and resource.attributes["service.name"] == "shop"
)",
                              with_routes({"/a", "/b", "/c"}));
  EXPECT_EQ(routes_of(result), (std::vector<std::string>{"/c"}));
}

TEST_F(FilterTest, TakesConditionsBelowTheirContext) {
  otlp::ReferenceRequest request = with_routes({"/a", "/b"});
  request.MergeFrom(with_routes({"/c"}));
  request.mutable_resource_spans(1)
      ->mutable_resource()
      ->mutable_attributes(0)
      ->mutable_value()
      ->set_string_value("other");
  const auto result = process(R"(
trace_conditions:
  - context: resource
    conditions: ['attributes["service.name"] == "other"']
  - conditions: 'span.attributes["http.route"] == "/a"'
    error_mode: silent
)",
                              request);
  EXPECT_EQ(routes_of(result), (std::vector<std::string>{"/b"}));
  EXPECT_EQ(result.resource_spans_size(), 1);
  EXPECT_EQ(metric("otelcol_processor_filter_spans_filtered"), 2);
}

TEST_F(FilterTest, DropsEventsAndKeepsTheirSpans) {
  otlp::ReferenceRequest request = with_routes({"/a"});
  span_of(request).add_events()->set_name("noise");
  span_of(request).add_events()->set_name("exception");
  auto result = process("{traces: {spanevent: ['name == \"noise\"']}}", request);
  ASSERT_EQ(span_of(result).events_size(), 1);
  EXPECT_EQ(span_of(result).events(0).name(), "exception");
  EXPECT_EQ(metric("kernspan_processor_filter_events_filtered"), 1);
  EXPECT_EQ(metric("otelcol_processor_filter_spans_filtered"), 0);
  EXPECT_EQ(stage_.books.balance().passed_on, 1U);
}

TEST_F(FilterTest, NothingIsPassedOnWhenNothingIsLeft) {
  process("{traces: {resource: ['true']}}", with_routes({"/a", "/b"}));
  EXPECT_THAT(next_.sizes(), IsEmpty());
  EXPECT_TRUE(stage_.books.balance().balances());
}

TEST_F(FilterTest, AnErrorIsCountedAndTheNextConditionTried) {
  for (const char* mode : {"ignore", "silent"}) {
    const auto result = process(fmt::format(R"({{error_mode: {}, traces: {{span: [
      'attributes["http.route"]["x"] == 1', 'attributes["http.route"] == "/a"']}}}})",
                                            mode),
                                with_routes({"/a"}));
    EXPECT_THAT(routes_of(result), IsEmpty()) << mode;
  }
  EXPECT_EQ(metric("kernspan_processor_filter_condition_errors"), 2);
}

TEST_F(FilterTest, AnErrorThatPropagatesRefusesTheBatch) {
  ASSERT_EQ(
      create(R"({error_mode: propagate, traces: {span: ['attributes["http.route"][0] == 1']}})"),
      "");
  auto batch = otlp::Batch::from_wire(with_routes({"/a"}).SerializeAsString());
  const Status taken = processor_->consume(*std::move(batch));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kPermanent);
  EXPECT_THAT(taken.error().message, AllOf(HasSubstr("attributes[\"http.route\"][0] == 1"),
                                           HasSubstr("cannot be indexed")));
  EXPECT_EQ(stage_.books.balance().refused, 1U);
  EXPECT_EQ(stage_.books.balance().taken, 0U);
}

TEST_F(FilterTest, ARefusedBatchIsNotCounted) {
  ASSERT_EQ(create(R"({traces: {span: ['attributes["http.route"] == "/a"']}})"), "");
  next_.refuse_all(true);
  auto batch = otlp::Batch::from_wire(with_routes({"/a", "/b"}).SerializeAsString());
  EXPECT_FALSE(processor_->consume(*std::move(batch)));
  EXPECT_EQ(metric("otelcol_processor_filter_spans_filtered"), 0);
  EXPECT_EQ(stage_.books.balance().refused, 2U);
  EXPECT_TRUE(stage_.books.balance().balances());
}

TEST_F(FilterTest, SaysWhichConditionIsWrong) {
  EXPECT_THAT(
      create("{traces: {span: ['name = \"x\"', 'kind == SPAN_KIND_SERVR']}}"),
      AllOf(HasSubstr("test.yaml:1:18: test::processor::traces::span: column 6: unexpected"),
            HasSubstr("is SPAN_KIND_SERVER meant?")));
  EXPECT_THAT(create("{trace_conditions: ['name == \"x\"']}"), HasSubstr("write span.name"));
  EXPECT_THAT(create("{trace_conditions: [{context: log, conditions: ['true']}]}"),
              HasSubstr("context"));
  EXPECT_THAT(create("{trace_conditions: ['span.name == \"x\"', {conditions: []}]}"),
              HasSubstr("write all in one style"));
  EXPECT_THAT(create("{trace_conditions: ['span.kind == 1'], traces: {span: ['kind == 1']}}"),
              HasSubstr("cannot be given together"));
  EXPECT_THAT(create("{spans: {include: {match_type: strict}}}"), HasSubstr("trace_conditions"));
  EXPECT_THAT(create("{traces: {spans: ['kind == 1']}}"), HasSubstr("spans"));
  EXPECT_THAT(create("{error_mode: loud}"), HasSubstr("ignore"));
  EXPECT_THAT(create("{traces: {span: [[1]]}}"), HasSubstr("expected a condition"));
}

TEST_F(FilterTest, WarnsWhenItFiltersNothing) {
  EXPECT_EQ(create(""), "");
  ASSERT_EQ(stage_.warnings.messages.size(), 1U);
  EXPECT_THAT(stage_.warnings.messages[0], HasSubstr("nothing is dropped"));
  EXPECT_EQ(create("{logs: {log_record: ['true']}, traces: {span: ['true']}}"), "");
  EXPECT_THAT(stage_.warnings.messages[1], HasSubstr("this version filters traces"));
}

}  // namespace
}  // namespace kernspan
