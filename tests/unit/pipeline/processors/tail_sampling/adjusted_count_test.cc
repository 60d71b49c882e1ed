#include "pipeline/processors/tail_sampling/adjusted_count.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/processors/probabilistic_sampler/trace_state.h"
#include "tests/unit/pipeline/processors/tail_sampling/shard_fixture.h"

namespace kernspan::sampling {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Span = opentelemetry::proto::trace::v1::Span;

Span counted(const Span& span, double probability, const AdjustedCountSettings& settings = {}) {
  TraceId id;
  std::memcpy(id.bytes.data(), span.trace_id().data(), id.bytes.size());
  std::string out;
  AdjustedCount(settings).write(span.SerializeAsString(), id, probability, out);
  Span result;
  EXPECT_TRUE(result.ParseFromString(out));
  return result;
}

Span span_with(const std::string& trace_state, char random = '\xf0') {
  Span span;
  span.set_trace_id(std::string(16, random));
  span.set_span_id(std::string(8, '\x22'));
  span.set_name("GET /cart");
  span.set_trace_state(trace_state);
  auto& attribute = *span.add_attributes();
  attribute.set_key("http.route");
  attribute.mutable_value()->set_string_value("/cart");
  return span;
}

double count_of(const Span& span) {
  for (const auto& attribute : span.attributes()) {
    if (attribute.key() == "sampling.adjusted_count") return attribute.value().double_value();
  }
  return 0;
}

TEST(AdjustedCount, IsWrittenAsThresholdAndAttribute) {
  const Span span = counted(span_with(""), 0.25);
  EXPECT_EQ(span.trace_state(), "ot=th:c");
  EXPECT_EQ(count_of(span), 4);
  EXPECT_EQ(span.name(), "GET /cart");
  EXPECT_EQ(span.attributes(0).key(), "http.route");
  EXPECT_EQ(span.attributes_size(), 2);
}

TEST(AdjustedCount, OthersKeepTheirPlaceInTheTraceState) {
  EXPECT_EQ(counted(span_with("vendor=1,ot=x:y"), 0.5).trace_state(), "ot=th:8;x:y,vendor=1");
}

TEST(AdjustedCount, CombinesWithAnEarlierThreshold) {
  const Span span = counted(span_with("ot=th:8"), 0.25);  // 1/2 * 1/4
  EXPECT_EQ(span.trace_state(), "ot=th:e");
  EXPECT_EQ(count_of(span), 8);
}

TEST(AdjustedCount, CombinesWithAnEarlierCountWhereThereIsNoThreshold) {
  Span span = span_with("");
  auto& earlier = *span.add_attributes();
  earlier.set_key("sampling.adjusted_count");
  earlier.mutable_value()->set_double_value(2);
  const Span result = counted(span, 0.5);
  EXPECT_EQ(count_of(result), 4);
  EXPECT_EQ(result.attributes_size(), 2) << "the earlier one is replaced";
  EXPECT_EQ(result.trace_state(), "ot=th:c");
}

TEST(AdjustedCount, ASampledTraceIsAboveItsThreshold) {
  // The random bits of this trace id are below 3/4: consistent samplers would not have kept it.
  const Span span = counted(span_with("", '\x10'), 0.25);
  const auto state = TraceState::parse(span.trace_state());
  ASSERT_TRUE(state && state->randomness() && state->threshold());
  EXPECT_TRUE(state->threshold()->keeps(*state->randomness()));
  EXPECT_EQ(counted(span_with("", '\x10'), 0.25).trace_state(), span.trace_state());
}

TEST(AdjustedCount, ExplicitRandomnessIsNotTouched) {
  EXPECT_THAT(counted(span_with("ot=rv:00000000000001"), 0.5).trace_state(),
              HasSubstr("rv:00000000000001;th:8"));
}

TEST(AdjustedCount, ATraceStateThatIsNoneStays) {
  const Span span = counted(span_with("this is no tracestate"), 0.5);
  EXPECT_EQ(span.trace_state(), "this is no tracestate");
  EXPECT_EQ(count_of(span), 2);
}

TEST(AdjustedCount, EachCanBeSwitchedOff) {
  const Span attribute = counted(span_with(""), 0.5, {.trace_state = false});
  EXPECT_EQ(attribute.trace_state(), "");
  EXPECT_EQ(count_of(attribute), 2);
  const Span state = counted(span_with(""), 0.5, {.attribute = ""});
  EXPECT_EQ(state.trace_state(), "ot=th:8");
  EXPECT_EQ(state.attributes_size(), 1);
  const AdjustedCount none({.trace_state = false, .attribute = ""});
  EXPECT_FALSE(none.changes(0.5));
}

class KeptSpansTest : public ShardFixture {};

TEST_F(KeptSpansTest, SpansThatWereSureToBeSampledKeepTheirBytes) {
  make({.decision_wait = 1s});
  verdict(1, Outcome::kSampled, 1.0);
  verdict(2, Outcome::kSampled);  // not known
  verdict(3, Outcome::kSampled, 0.5);
  send({{1, 1, false, "ot=th:8"}, {2, 1}, {3, 1, false, "ot=th:8"}});
  wait(1s);
  kept();
  const auto& spans = last_kept_.resource_spans(0).scope_spans(0).spans();
  ASSERT_EQ(spans.size(), 3);
  EXPECT_EQ(spans[0].trace_state(), "ot=th:8");
  EXPECT_EQ(spans[0].attributes_size(), 0);
  EXPECT_EQ(spans[1].trace_state(), "");
  EXPECT_EQ(spans[2].trace_state().substr(0, 3), "ot=");
  EXPECT_EQ(count_of(spans[2]), 4);
  send({{3, 2}});
  kept();
  EXPECT_EQ(count_of(last_kept_.resource_spans(0).scope_spans(0).spans(0)), 2) << "a late one";
}

TEST_F(KeptSpansTest, SpansOfAnySizeComeOutWellFormed) {
  make({.decision_wait = 1s});
  std::vector<std::string> expected;
  for (int request = 0; request < 20; ++request) {
    std::vector<TestSpan> spans;
    for (int span = 0; span < 40; ++span) {
      const int trace = (7 * span + request) % 30;
      const auto padding = static_cast<std::size_t>(span * span * (request % 3));
      spans.push_back({trace, span, false, "", padding});
      if (trace % 10 < 3) expected.push_back(std::to_string(trace) + "/" + std::to_string(span));
    }
    send(spans, 1 + request % 4);
  }
  for (int trace = 0; trace < 30; ++trace) {
    if (trace % 10 < 3) verdict(trace, Outcome::kSampled, trace % 10 == 0 ? 1 : 0.3);
  }
  wait(1s);
  EXPECT_THAT(kept(), ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(KeptSpansTest, BatchesAreBounded) {
  make({.decision_wait = 1s});
  verdict(1, Outcome::kSampled);
  const std::vector<TestSpan> spans(3000, {1, 1});
  for (int i = 0; i < 7; ++i) send(spans);
  wait(1s);
  EXPECT_EQ(kept().size(), 21'000U);
  EXPECT_EQ(largest_kept_, KeptSpans::kMostTogether);
}

TEST_F(KeptSpansTest, ResourcesAndScopesComeAlong) {
  make({.decision_wait = 1s});
  verdict(1, Outcome::kSampled);
  send({{1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 1}, {3, 2}}, 2);
  send({{1, 3}});
  wait(1s);
  EXPECT_THAT(kept(), ::testing::ElementsAre("1/1", "1/2", "1/3"));
  ASSERT_EQ(last_kept_.resource_spans_size(), 3);
  const auto& second = last_kept_.resource_spans(1);
  EXPECT_EQ(second.resource().attributes(0).value().string_value(), "shop1");
  EXPECT_EQ(second.scope_spans(0).scope().name(), "test");
}

}  // namespace
}  // namespace kernspan::sampling
