// What is asked of spans is answered while a request is checked. Nobody may see the difference.
#include "pipeline/otlp/span_questions.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_index.h"
#include "tests/unit/pipeline/otlp/message_text.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

std::string attribute(std::string_view key, std::string_view value) {
  return field(wire::span::kAttributes, key_value(key, text(value)));
}

std::string request_of(std::string_view span) {
  return field(1, field(2, field(2, span)));
}

class SpanQuestionsTest : public ::testing::Test {
 protected:
  void ask(std::string_view key) { ASSERT_TRUE(questions_.ask_for_attribute(key)); }

  // Counts what was found.
  void expect_answers(Batch batch) {
    const std::shared_ptr<const SpanIndex> index = batch.index();
    ASSERT_EQ(index->looked_for(), &questions_.keys());
    batch.drop_index();
    const SpanIndex own(batch);
    ASSERT_EQ(index->size(), own.size());
    std::vector<std::string_view> values(questions_.keys().size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      SCOPED_TRACE(i);
      expect_same(index->spans()[i], own.spans()[i]);
      EXPECT_EQ(index->bytes(i), own.bytes(i));
      EXPECT_EQ(index->resource_of(i).bytes(), own.resource_of(i).bytes());
      questions_.keys().find(own.bytes(i), wire::span::kAttributes, values);
      for (AttributeKeys::Number key = 0; key < values.size(); ++key) {
        EXPECT_EQ(index->found(i, key).data() == nullptr, values[key].data() == nullptr);
        EXPECT_EQ(index->found(i, key), values[key]);
        found_ += values[key].data() == nullptr ? 0 : 1;
      }
    }
  }

  static void expect_same(const IndexedSpan& one, const IndexedSpan& other) {
    EXPECT_EQ(one.trace_id, other.trace_id);
    EXPECT_EQ(one.span_id, other.span_id);
    EXPECT_EQ(one.parent_span_id, other.parent_span_id);
    EXPECT_EQ(one.start_time_unix_ns, other.start_time_unix_ns);
    EXPECT_EQ(one.end_time_unix_ns, other.end_time_unix_ns);
    EXPECT_EQ(one.flags, other.flags);
    EXPECT_EQ(one.kind, other.kind);
    EXPECT_EQ(one.status_code, other.status_code);
    EXPECT_EQ(one.scope, other.scope);
    EXPECT_EQ(one.header_size, other.header_size);
  }

  void expect_found(std::string_view span, std::size_t count) {
    found_ = 0;
    auto batch = Batch::from_wire(request_of(span), Signal::kTraces, &questions_);
    ASSERT_TRUE(batch) << batch.error().message;
    expect_answers(*std::move(batch));
    EXPECT_EQ(found_, count);
  }

  SpanQuestions questions_;
  std::size_t found_ = 0;
};

TEST_F(SpanQuestionsTest, AreAnsweredAsIfAskedLater) {
  std::size_t asked = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed);
    const ReferenceRequest request = random.make();
    for (const auto& resource : request.resource_spans()) {
      for (const auto& scope : resource.scope_spans()) {
        for (const auto& span : scope.spans()) {
          if (span.attributes_size() == 0 || asked == SpanQuestions::kMaxAttributes) continue;
          ask(span.attributes(span.attributes_size() - 1).key());
          asked = questions_.keys().size();
        }
      }
    }
    const std::string bytes = request.SerializeAsString();
    auto whole = Batch::from_wire(bytes, Signal::kTraces, &questions_);
    if (asked == 0) continue;
    ASSERT_TRUE(whole) << whole.error().message;
    expect_answers(*std::move(whole));
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at < bytes.size(); at += 1 + random.below(300)) cuts.push_back(at);
    auto pieces = Batch::from_wire(cut_into_pieces(bytes, cuts), Signal::kTraces, &questions_);
    ASSERT_TRUE(pieces) << pieces.error().message;
    expect_answers(*std::move(pieces));
  }
  EXPECT_GT(found_, 100U);
}

TEST_F(SpanQuestionsTest, TheFirstAttributeOfAKeyCounts) {
  ask("route");
  ask("other");
  expect_found(attribute("route", "a") + attribute("else", "b") + attribute("route", "c"), 1);
  const std::string long_text(300, 'x');
  expect_found(attribute("route", long_text) + attribute("other", "b"), 2);
  expect_found(attribute("unequal", "a"), 0);
  // Without a value, and with the value in front of the key.
  expect_found(field(wire::span::kAttributes, field(wire::key_value::kKey, "route")), 1);
  expect_found(field(wire::span::kAttributes,
                     field(wire::key_value::kValue, field(wire::any_value::kString, "v")) +
                         field(wire::key_value::kKey, "other")),
               1);
  // An unknown field behind: the long way for the whole span.
  expect_found(attribute("route", "a") + field(99, "unknown") + attribute("route", "b"), 1);
}

TEST_F(SpanQuestionsTest, NobodyAsks) {
  const std::string bytes = request_of(attribute("route", "a"));
  auto batch = Batch::from_wire(bytes, Signal::kTraces, &questions_);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->index()->looked_for(), nullptr);
  questions_.ask_for_index();
  batch = Batch::from_wire(bytes, Signal::kTraces, &questions_);
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->index()->size(), 1U);
  EXPECT_EQ(batch->index()->looked_for(), nullptr);
}

TEST_F(SpanQuestionsTest, ThereAreNotTooMany) {
  for (std::size_t i = 0; i < SpanQuestions::kMaxAttributes; ++i) ask("key" + std::to_string(i));
  EXPECT_FALSE(questions_.ask_for_attribute("one more"));
  EXPECT_EQ(questions_.ask_for_attribute("key3"), 3U);
}

// They are noted only until it is known that they are too many.
TEST_F(SpanQuestionsTest, SpansThatCannotBeRealAreRefused) {
  ask("route");
  std::string spans;
  for (int i = 0; i < 70'000; ++i) spans += field(2, "");
  const auto batch = Batch::from_wire(field(1, field(2, spans)), Signal::kTraces, &questions_);
  ASSERT_FALSE(batch);
  EXPECT_NE(batch.error().message.find("cannot be real"), std::string::npos);
}

}  // namespace
}  // namespace kernspan::otlp
