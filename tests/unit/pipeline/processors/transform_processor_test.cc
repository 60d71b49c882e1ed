#include "pipeline/processors/transform/transform_processor.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::HasSubstr;

class TransformProcessorTest : public ProcessorFixture {
 protected:
  TransformProcessorTest() : ProcessorFixture(transform_processor_factory()) {}

  template <typename Message>
  static auto& add(Message& message, const char* key) {
    auto& attribute = *message.add_attributes();
    attribute.set_key(key);
    return *attribute.mutable_value();
  }

  // Span 0 {user: "ann", n: 1} with an event {e: "one"}, span 1 {user: "bob"} named SELECT, of service
  // shop in the cluster east.
  static otlp::ReferenceRequest two_spans() {
    otlp::ReferenceRequest request = otlp::reference_request(2);
    add(resource_of(request), "k8s.cluster.name").set_string_value("east");
    add(span_of(request, 0), "user").set_string_value("ann");
    add(span_of(request, 0), "n").set_int_value(1);
    auto& event = *span_of(request, 0).add_events();
    event.set_name("log");
    add(event, "e").set_string_value("one");
    add(span_of(request, 1), "user").set_string_value("bob");
    span_of(request, 1).set_name("SELECT");
    return request;
  }

  // Statements that end with an error on every span.
  static std::string failing(const std::string& error_mode) {
    return "{error_mode: " + error_mode + R"(, trace_statements: [
        'set(span.name, Substring(span.name, 0, 99))', 'set(span.attributes["after"], true)']})";
  }

  double errors() const {
    return stage_.metric("kernspan_processor_transform_errors",
                         {{"processor", "processor"}, {"pipeline", "traces"}});
  }
};

TEST_F(TransformProcessorTest, RunsStatementsInOrder) {
  const otlp::ReferenceRequest before = two_spans();
  const otlp::ReferenceRequest result = process(R"(
trace_statements:
  - set(span.attributes["copy"], span.attributes["user"])
  - delete_key(span.attributes, "user")
  - set(span.name, Concat([span.name, span.attributes["copy"]], " ")) where span.attributes["n"] == 1
)",
                                                before);
  otlp::ReferenceRequest expected = before;
  auto& first = *span_of(expected, 0).mutable_attributes();
  first.Clear();
  add(span_of(expected, 0), "n").set_int_value(1);
  add(span_of(expected, 0), "copy").set_string_value("ann");
  span_of(expected, 0).set_name("GET /cart ann");
  span_of(expected, 1).mutable_attributes()->Clear();
  add(span_of(expected, 1), "copy").set_string_value("bob");
  EXPECT_TRUE(MessageDifferencer::Equals(result, expected)) << result.ShortDebugString();
  EXPECT_EQ(stage_.books.balance().passed_on, 2U);
  EXPECT_EQ(errors(), 0);
}

// As in the seed configuration: a plain scalar that YAML folds into one line.
TEST_F(TransformProcessorTest, AFoldedStatementOfSeveralLines) {
  otlp::ReferenceRequest result = process(R"(
error_mode: ignore
trace_statements:
  - context: span
    statements:
      # Normalize service names across clusters
      - set(attributes["normalized.service.name"],
          Concat([resource.attributes["k8s.cluster.name"], "/",
                 resource.attributes["service.name"]], ""))
)",
                                          two_spans());
  EXPECT_EQ(text_of(span_of(result, 0).attributes()),
            R"(user="ann" n=1 normalized.service.name="east/shop")");
  EXPECT_EQ(text_of(span_of(result, 1).attributes()),
            R"(user="bob" normalized.service.name="east/shop")");
}

TEST_F(TransformProcessorTest, GroupsHaveContextsAndConditions) {
  otlp::ReferenceRequest result = process(R"(
trace_statements:
  - context: resource
    statements: ['set(attributes["tier"], "gateway")']
  - context: spanevent
    statements: ['set(attributes["of"], span.name)', 'set(name, "renamed")']
  - context: scope
    statements: ['set(name, "changed")']
  - conditions: ['span.name == "SELECT"', 'span.attributes["n"] == 7']
    statements: ['set(span.attributes["kind"], "query")']
)",
                                          two_spans());
  EXPECT_EQ(text_of(resource_of(result).attributes()),
            R"(service.name="shop" k8s.cluster.name="east" tier="gateway")");
  const auto& event = span_of(result, 0).events(0);
  EXPECT_EQ(event.name(), "renamed");
  EXPECT_EQ(text_of(event.attributes()), R"(e="one" of="GET /cart")");
  EXPECT_EQ(result.resource_spans(0).scope_spans(0).scope().name(), "changed");
  EXPECT_EQ(text_of(span_of(result, 0).attributes()), R"(user="ann" n=1)");
  EXPECT_EQ(text_of(span_of(result, 1).attributes()), R"(user="bob" kind="query")");
}

// The key's place in the bytes, unknown fields and all else that no statement touched.
TEST_F(TransformProcessorTest, WhatNoStatementChangesKeepsItsBytes) {
  const std::string untouched = two_spans().SerializeAsString();
  ASSERT_EQ(create(R"({trace_statements: [
      'set(span.attributes["user"], "ann") where span.attributes["n"] == 1',
      'delete_key(span.attributes, "none")', 'keep_matching_keys(span.attributes, ".")',
      'truncate_all(span.attributes, 100)', 'limit(span.attributes, 100, [])',
      'replace_all_patterns(span.attributes, "value", "nothing", "x")',
      'flatten(span.attributes)', 'set(span.name, "x") where span.name == "none"']})"),
            "");
  auto batch = otlp::Batch::from_wire(untouched);
  ASSERT_TRUE(batch);
  ASSERT_TRUE(processor_->consume(*std::move(batch)));
  EXPECT_EQ(next_.bytes(), untouched);
  EXPECT_EQ(errors(), 0);
}

TEST_F(TransformProcessorTest, AnErrorIsIgnoredAndCounted) {
  otlp::ReferenceRequest result = process(failing("ignore"), two_spans());
  EXPECT_EQ(span_of(result, 0).name(), "GET /cart");
  EXPECT_EQ(text_of(span_of(result, 0).attributes()), R"(user="ann" n=1 after=true)");
  EXPECT_EQ(text_of(span_of(result, 1).attributes()), R"(user="bob" after=true)");
  EXPECT_EQ(errors(), 2);
}

TEST_F(TransformProcessorTest, AnErrorThatIsPropagatedRefusesTheBatch) {
  ASSERT_EQ(create(failing("propagate")), "");
  auto batch = otlp::Batch::from_wire(two_spans().SerializeAsString());
  const Status taken = processor_->consume(*std::move(batch));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kPermanent);
  EXPECT_THAT(taken.error().message, HasSubstr("`set(span.name, Substring(span.name, 0, 99))`"));
  EXPECT_THAT(taken.error().message, HasSubstr("invalid range for substring function"));
  EXPECT_EQ(next_.spans(), 0U);
  EXPECT_EQ(stage_.books.balance().refused, 2U);
  EXPECT_EQ(stage_.books.balance().taken, 0U);
}

TEST_F(TransformProcessorTest, AGroupMayHaveItsOwnErrorMode) {
  otlp::ReferenceRequest result = process(R"(
error_mode: propagate
trace_statements:
  - error_mode: silent
    statements: ['set(span.name, Substring(span.name, 0, 99))']
  - conditions: ['span.attributes["n"] == 1']
    statements: ['set(span.attributes["s"], Substring(span.name, 0, 3))']
)",
                                          two_spans());
  EXPECT_EQ(text_of(span_of(result, 0).attributes()), R"(user="ann" n=1 s="GET")");
}

TEST_F(TransformProcessorTest, AConditionThatFailsDoesNotHold) {
  otlp::ReferenceRequest result = process(R"(
trace_statements:
  - conditions: ['HasPrefix(span.attributes["n"], "a")', 'span.name == "SELECT"']
    statements: ['set(span.attributes["hit"], true)']
)",
                                          two_spans());
  EXPECT_EQ(text_of(span_of(result, 0).attributes()), R"(user="ann" n=1)");
  EXPECT_EQ(text_of(span_of(result, 1).attributes()), R"(user="bob" hit=true)");
  EXPECT_EQ(errors(), 2);
}

TEST_F(TransformProcessorTest, WithoutStatementsPassesOn) {
  const otlp::ReferenceRequest result = process("{}", two_spans());
  EXPECT_TRUE(MessageDifferencer::Equals(result, two_spans()));
}

TEST_F(TransformProcessorTest, WhatIsRefusedSaysWhereAndWhy) {
  EXPECT_THAT(
      create("\ntrace_statements:\n  - set(span.nam, 1)\n"),
      AllOf(HasSubstr("test.yaml:3:5: "), HasSubstr("`set(span.nam, 1)`"), HasSubstr("name")));
  EXPECT_THAT(create("{trace_statements: ['set(name, 1)']}"), HasSubstr("span.name"));
  EXPECT_THAT(create("{trace_statements: ['keep_key(span.attributes, [])']}"),
              HasSubstr("is keep_keys meant?"));
  EXPECT_THAT(
      create(R"({trace_statements: [{statements: ['set(span.name, "a")'], context: metric}]})"),
      HasSubstr("spanevent"));
  EXPECT_THAT(create(R"({trace_statements: ['set(span.name, "a")', {statements: []}]})"),
              HasSubstr("configuring multiple configuration styles is not supported"));
  EXPECT_THAT(create(R"({trace_statements: [{statemens: ['set(span.name, "a")']}]})"),
              HasSubstr("statemens"));
  EXPECT_THAT(create(R"({trace_statements: [{statements: [{a: 1}]}]})"), HasSubstr("must be text"));
  EXPECT_THAT(
      create(
          R"({trace_statements: [{conditions: ['span.name =='], statements: ['set(span.name, "a")']}]})"),
      HasSubstr("the condition `span.name ==`"));
  EXPECT_THAT(create("{error_mode: shout}"), HasSubstr("ignore"));
  EXPECT_THAT(create("{flatten_data: true}"), HasSubstr("is for logs"));
}

TEST_F(TransformProcessorTest, StatementsOfOtherSignalsAreWarnedAbout) {
  ASSERT_EQ(create("{metric_statements: ['set(metric.name, \"a\")'], log_statements: []}"), "");
  ASSERT_EQ(stage_.warnings.messages.size(), 2U);
  EXPECT_THAT(stage_.warnings.messages[0], HasSubstr("only traces are transformed"));
}

}  // namespace
}  // namespace kernspan
