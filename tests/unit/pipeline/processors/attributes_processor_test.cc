#include "pipeline/processors/attributes/attributes_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

// Span 0 of service shop, scope reference 1.0, kind server, {user: "ann", n: 1}; span 1 of kind
// client, {user: "bob"}, named SELECT.
otlp::ReferenceRequest two_spans() {
  otlp::ReferenceRequest request = otlp::reference_request(2);
  request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_scope()->set_version("1.0");
  const auto add = [](auto& span, const char* key) -> auto& {
    auto& attribute = *span.add_attributes();
    attribute.set_key(key);
    return *attribute.mutable_value();
  };
  add(span_of(request, 0), "user").set_string_value("ann");
  add(span_of(request, 0), "n").set_int_value(1);
  add(span_of(request, 1), "user").set_string_value("bob");
  span_of(request, 1).set_name("SELECT");
  span_of(request, 1).set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_CLIENT);
  return request;
}

class AttributesProcessorTest : public ProcessorFixture {
 protected:
  AttributesProcessorTest() : ProcessorFixture(attributes_processor_factory()) {}
};

TEST_F(AttributesProcessorTest, ChangesEverySpan) {
  otlp::ReferenceRequest result = process(
      "{actions: [{key: user, action: delete}, {key: x, value: 1, action: insert}]}", two_spans());
  EXPECT_EQ(text_of(span_of(result, 0).attributes()), "n=1 x=1");
  EXPECT_EQ(text_of(span_of(result, 1).attributes()), "x=1");
  EXPECT_EQ(stage_.books.balance().passed_on, 2U);
}

// Which of the two spans a block matches.
struct MatchCase {
  const char* block;
  bool first;
  bool second;
};

class SpanMatchTest : public AttributesProcessorTest,
                      public ::testing::WithParamInterface<MatchCase> {
 protected:
  std::pair<bool, bool> marked(const std::string& key) {
    otlp::ReferenceRequest result = process(
        "{actions: [{key: mark, value: 1, action: insert}], " + key + ": " + GetParam().block + "}",
        two_spans());
    const auto is_marked = [&](int span) {
      return text_of(span_of(result, span).attributes()).find("mark=1") != std::string::npos;
    };
    return {is_marked(0), is_marked(1)};
  }
};

TEST_P(SpanMatchTest, IncludeChangesWhatMatches) {
  EXPECT_EQ(marked("include"), std::pair(GetParam().first, GetParam().second));
}

TEST_P(SpanMatchTest, ExcludeChangesTheRest) {
  EXPECT_EQ(marked("exclude"), std::pair(!GetParam().first, !GetParam().second));
}

INSTANTIATE_TEST_SUITE_P(
    Attributes, SpanMatchTest,
    ::testing::Values(
        MatchCase{"{match_type: strict, services: [shop, x]}", true, true},
        MatchCase{"{match_type: strict, services: [sho]}", false, false},
        MatchCase{"{match_type: regexp, services: [sho]}", true, true},
        MatchCase{"{match_type: regexp, services: ['^hop']}", false, false},
        MatchCase{"{match_type: strict, span_names: [SELECT]}", false, true},
        MatchCase{"{match_type: regexp, span_names: ['^GET /']}", true, false},
        MatchCase{"{match_type: strict, span_kinds: [SPAN_KIND_CLIENT]}", false, true},
        MatchCase{"{match_type: regexp, span_kinds: [SERVER]}", true, false},
        MatchCase{"{match_type: strict, attributes: [{key: n}]}", true, false},
        MatchCase{"{match_type: strict, attributes: [{key: n, value: 1}]}", true, false},
        MatchCase{"{match_type: strict, attributes: [{key: n, value: \"1\"}]}", false, false},
        MatchCase{"{match_type: strict, attributes: [{key: n}, {key: user, value: bob}]}", false,
                  false},
        MatchCase{"{match_type: regexp, attributes: [{key: user, value: '^b'}]}", false, true},
        MatchCase{"{match_type: regexp, attributes: [{key: n, value: '^1$'}]}", true, false},
        MatchCase{"{match_type: strict, resources: [{key: service.name, value: shop}]}", true,
                  true},
        MatchCase{"{match_type: strict, libraries: [{name: reference}]}", true, true},
        MatchCase{"{match_type: strict, libraries: [{name: reference, version: '2'}]}", false,
                  false},
        MatchCase{"{match_type: strict, libraries: [{name: reference, version: '1.0'}]}", true,
                  true},
        MatchCase{"{match_type: strict, services: [shop], span_names: [SELECT]}", false, true}));

TEST_F(AttributesProcessorTest, ExcludeComesAfterInclude) {
  otlp::ReferenceRequest result = process(
      "{actions: [{key: mark, value: 1, action: insert}], include: {match_type: strict, services: "
      "[shop]}, exclude: {match_type: strict, span_names: [SELECT]}}",
      two_spans());
  EXPECT_EQ(text_of(span_of(result, 0).attributes()), R"(user="ann" n=1 mark=1)");
  EXPECT_EQ(text_of(span_of(result, 1).attributes()), R"(user="bob")");
}

TEST_F(AttributesProcessorTest, RefusesWhatUpstreamRefuses) {
  const std::string actions = "actions: [{key: a, value: 1, action: insert}], ";
  EXPECT_THAT(create("{}"), HasSubstr("missing required field \"actions\""));
  EXPECT_THAT(create("{" + actions + "include: }"), HasSubstr("field must be specified"));
  EXPECT_THAT(create("{" + actions + "include: {services: [a]}}"),
              HasSubstr("unrecognized match_type: ''"));
  EXPECT_THAT(create("{" + actions + "include: {match_type: regexp, services: ['(']}}"),
              HasSubstr("invalid pattern \"(\""));
  EXPECT_THAT(create("{" + actions + "include: {match_type: strict, span_kinds: [SERVER]}}"),
              HasSubstr("must match one of the standard span kinds"));
  EXPECT_THAT(create("{" + actions + "include: {match_type: strict, log_bodies: [a]}}"),
              HasSubstr("log_bodies should not be specified for trace spans"));
  EXPECT_THAT(
      create("{" + actions + "include: {match_type: regexp, attributes: [{key: a, value: 1}]}}"),
      HasSubstr("only supports Str"));
}

}  // namespace
}  // namespace kernspan
