// What editing a batch keeps, changes and drops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/otlp/wire_reader.h"
#include "tests/unit/pipeline/ottl/ottl_fixture.h"

namespace kernspan::ottl {
namespace {

class OttlEditTest : public OttlFixture {
 protected:
  // The spans that are left after those were dropped for which the condition holds.
  EditedBatch drop_where(const std::string& text, Context context) {
    auto condition = Condition::compile(text, context, functions_);
    EXPECT_TRUE(condition) << condition.error().message;
    auto edited = edit_records(batch(), context, clock_, [&](Evaluation& at) -> Result<bool> {
      Result<bool> holds = condition->test(at);
      if (holds) *holds = !*holds;
      return holds;
    });
    EXPECT_TRUE(edited) << edited.error().message;
    std::string bytes;
    for (const std::string_view slice : edited->batch.slices()) bytes += slice;
    EXPECT_TRUE(request_.ParseFromString(bytes));
    return *std::move(edited);
  }
};

TEST_F(OttlEditTest, RunsEditorsWhereTheirConditionHolds) {
  request_ = otlp::reference_request(3);
  span(1).set_name("other");
  EXPECT_EQ(apply_all({R"(set(attributes["a"], 1) where name == "other")",
                       R"(set(name, "changed") where attributes["a"] == 1)"}),
            "");
  EXPECT_EQ(span(0).name(), "GET /cart");
  EXPECT_EQ(span(0).attributes_size(), 0);
  EXPECT_EQ(span(1).name(), "changed");
  EXPECT_EQ(span(1).attributes_size(), 1);
}

TEST_F(OttlEditTest, ABatchThatIsNotChangedComesBackAsItWas) {
  request_ = otlp::reference_request(3);
  const otlp::Batch before = batch();
  auto edited = edit_records(before.clone(), Context::kSpan, clock_,
                             [](Evaluation&) -> Result<bool> { return true; });
  ASSERT_TRUE(edited);
  EXPECT_EQ(edited->batch.slices().front().view().data(), before.slices().front().view().data());
}

TEST_F(OttlEditTest, UnknownFieldsStay) {
  // Field 200 of the request's resource, scope, span, event and their attributes.
  const std::string unknown("\xc2\x0c\x03new", 6);
  const auto add = [&](google::protobuf::Message& message) {
    message.GetReflection()->MutableUnknownFields(&message)->AddLengthDelimited(200, "new");
  };
  auto& event = *span().add_events();
  attribute(event, "e").set_int_value(1);
  attribute(span(), "s").set_int_value(1);
  for (auto* message : std::initializer_list<google::protobuf::Message*>{
           request_.mutable_resource_spans(0), &resource(), resource().mutable_attributes(0),
           &scope_spans(), &scope(), &span(), span().mutable_attributes(0), &event,
           event.mutable_attributes(0)}) {
    add(*message);
  }
  EXPECT_EQ(apply_all({"set(resource.attributes[\"x\"], 1)", "set(scope.version, \"1\")",
                       "set(span.name, \"new name\")", "set(span.attributes[\"x\"], 1)",
                       "set(name, \"event\")", "set(attributes[\"x\"], 1)",
                       "set(span.attributes, span.attributes)"},
                      Context::kSpanEvent),
            "");
  const std::string bytes = request_.SerializeAsString();
  std::size_t found = 0;
  for (std::size_t at = bytes.find(unknown); at != std::string::npos;
       at = bytes.find(unknown, at + 1)) {
    ++found;
  }
  EXPECT_EQ(found, 9U);
  EXPECT_EQ(span().attributes_size(), 2);
}

TEST_F(OttlEditTest, DropsSpans) {
  request_ = otlp::reference_request(4);
  span(1).set_name("drop");
  span(3).set_name("drop");
  const EditedBatch edited = drop_where("name == \"drop\"", Context::kSpan);
  EXPECT_EQ(edited.dropped_spans, 2U);
  EXPECT_EQ(edited.batch.item_count(), 2U);
  ASSERT_EQ(scope_spans().spans_size(), 2);
  EXPECT_EQ(span(1).name(), "GET /cart");
}

TEST_F(OttlEditTest, DropsResourcesAndScopesWithTheirSpans) {
  request_ = otlp::reference_request(2, "a");
  request_.MergeFrom(otlp::reference_request(3, "b"));
  auto& other = *request_.mutable_resource_spans(0)->add_scope_spans();
  other.mutable_scope()->set_name("other");
  other.add_spans()->set_name("of another scope");
  EditedBatch edited = drop_where(R"(attributes["service.name"] == "b")", Context::kResource);
  EXPECT_EQ(edited.dropped_spans, 3U);
  EXPECT_EQ(request_.resource_spans_size(), 1);
  edited = drop_where("name == \"reference\"", Context::kScope);
  EXPECT_EQ(edited.dropped_spans, 2U);
  EXPECT_EQ(edited.batch.item_count(), 1U);
  EXPECT_EQ(span().name(), "of another scope");
  edited = drop_where("true", Context::kSpan);
  EXPECT_TRUE(edited.batch.empty());
  EXPECT_EQ(request_.resource_spans_size(), 0);
}

TEST_F(OttlEditTest, DropsEventsOnly) {
  for (const char* name : {"a", "drop", "b", "drop"}) span().add_events()->set_name(name);
  const EditedBatch edited = drop_where("name == \"drop\"", Context::kSpanEvent);
  EXPECT_EQ(edited.dropped_events, 2U);
  EXPECT_EQ(edited.dropped_spans, 0U);
  ASSERT_EQ(span().events_size(), 2);
  EXPECT_EQ(span().events(1).name(), "b");
  EXPECT_EQ(span().dropped_events_count(), 0U);
}

TEST_F(OttlEditTest, ResourcesAndScopesAreEditedOnceForAllTheirSpans) {
  request_ = otlp::reference_request(2, "a");
  request_.MergeFrom(otlp::reference_request(2, "b"));
  EXPECT_EQ(apply_all({"set(resource.attributes[\"last\"], span.span_id.string)",
                       "set(scope.attributes[\"last\"], resource.attributes[\"last\"])"}),
            "");
  for (const auto& resource_spans : request_.resource_spans()) {
    ASSERT_EQ(resource_spans.resource().attributes_size(), 2);
    EXPECT_EQ(resource_spans.resource().attributes(1).value().string_value(), "0100000011111111");
    EXPECT_EQ(resource_spans.scope_spans(0).scope().attributes_size(), 1);
    EXPECT_EQ(resource_spans.scope_spans(0).spans_size(), 2);
  }
}

TEST_F(OttlEditTest, TheFirstErrorEndsIt) {
  request_ = otlp::reference_request(3);
  EXPECT_EQ(apply("set(name, 5)"), "expected string but got int");
  EXPECT_EQ(span(2).name(), "GET /cart");
}

// What each event adds to its span, and each span to its resource, is up to the request.
TEST_F(OttlEditTest, ChangesOfOneRecordAreBounded) {
  attribute(span(), "x").set_string_value(std::string(1024, 'x'));
  for (int i = 0; i < 18; ++i) span().add_events();
  EXPECT_EQ(apply(R"(set(span.attributes["x"], Pair(span.attributes["x"], span.attributes["x"])))",
                  Context::kSpanEvent),
            "the changes have more than 67108864 bytes");
}

TEST_F(OttlEditTest, ChangesOfFieldsAreBounded) {
  attribute(resource(), "long").set_string_value(std::string(4 << 20, 'x'));
  for (int i = 0; i < 17; ++i) span().add_events();
  EXPECT_EQ(apply(R"(set(span.name, resource.attributes["long"]))", Context::kSpanEvent),
            "the changes have more than 67108864 bytes");
}

TEST_F(OttlEditTest, WhatIsSetToWhatItIsMayBeSetOften) {
  request_ = otlp::reference_request(100);
  attribute(resource(), "long").set_string_value(std::string(1 << 20, 'x'));
  EXPECT_EQ(apply(R"(set(resource.attributes["copy"], resource.attributes["long"]))"), "");
  EXPECT_EQ(resource().attributes_size(), 3);
}

TEST_F(OttlEditTest, ManyAttributesAreSetInOneGo) {
  for (int i = 0; i < 20'000; ++i) attribute(span(), "k" + std::to_string(i)).set_int_value(i);
  EXPECT_EQ(apply("set(attributes, attributes)"), "");
  EXPECT_EQ(span().attributes_size(), 20'000);
  EXPECT_EQ(span().attributes(19'999).value().int_value(), 19'999);
}

}  // namespace
}  // namespace kernspan::ottl
