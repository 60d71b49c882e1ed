// What becomes of clocks that are apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/unit/gateway/stitch/stitch_story.h"

namespace kernspan::stitch {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMs = 1'000'000;
constexpr std::uint64_t kBegin = 1'700'000'000'000 * kMs;

ToldSpan client(unsigned trace, unsigned callee) {
  return {.trace = trace,
          .span = trace * 10,
          .calls = callee,
          .node = "a",
          .start = kBegin,
          .end = kBegin + 10 * kMs};
}

// Works from the 2nd to the 8th millisecond of its client's time, by a clock that is ahead.
ToldSpan server(unsigned trace, std::uint64_t skew) {
  return {.trace = trace,
          .span = trace * 10,
          .derived = true,
          .node = "b",
          .start = kBegin + skew + 2 * kMs,
          .end = kBegin + skew + 8 * kMs};
}

const opentelemetry::proto::trace::v1::Span& first_span(const StitchStory& story) {
  return story.last().resource_spans(0).scope_spans(0).spans(0);
}

std::optional<std::int64_t> skew_of(const opentelemetry::proto::trace::v1::Span& span) {
  for (const auto& attribute : span.attributes()) {
    if (attribute.key() == "kernspan.stitch.clock_skew_ns") return attribute.value().int_value();
  }
  return std::nullopt;
}

bool is_marked(const opentelemetry::proto::trace::v1::Span& span) {
  for (const auto& attribute : span.attributes()) {
    if (attribute.key() == "kernspan.stitch.outside_parent") return attribute.value().bool_value();
  }
  return false;
}

TEST(StitchSkewTest, AServerOutsideOfItsClientIsMarked) {
  StitchStory story;
  story.comes({client(1, 100)});
  story.comes({server(100, 200 * kMs)});
  EXPECT_EQ(skew_of(first_span(story)), 200 * kMs);
  EXPECT_TRUE(is_marked(first_span(story)));
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 202 * kMs) << "and left as it is";
  EXPECT_EQ(story.count("kernspan_stitch_outside_parent"), 1);
  EXPECT_EQ(story.count("kernspan_stitch_clock_exchanges"), 1);
}

TEST(StitchSkewTest, AServerInsideOfItsClientIsNot) {
  StitchStory story;
  story.comes({client(1, 100)});
  story.comes({server(100, 0)});
  EXPECT_EQ(skew_of(first_span(story)), 0);
  EXPECT_FALSE(is_marked(first_span(story)));
}

TEST(StitchSkewTest, OneNodeHasOneClock) {
  StitchStory story;
  ToldSpan local = server(100, 0);
  local.node = "a";
  story.comes({client(1, 100), local});
  EXPECT_EQ(story.count("kernspan_stitch_clock_exchanges"), 0);
  EXPECT_EQ(story.table().clock_skew().pairs(), 0U);
}

TEST(StitchSkewTest, NoneLooksAtNoClock) {
  StitchStory story({.skew_action = SkewAction::kNone});
  story.comes({client(1, 100)});
  story.comes({server(100, 200 * kMs)});
  EXPECT_EQ(skew_of(first_span(story)), std::nullopt);
  EXPECT_FALSE(is_marked(first_span(story)));
  EXPECT_EQ(story.table().clock_skew().pairs(), 0U);
}

TEST(StitchSkewTest, CorrectMovesAllSpansOfTheNode) {
  StitchStory story({.skew_action = SkewAction::kCorrect});
  story.comes({client(1, 100)});
  ToldSpan inner = server(100, 200 * kMs);
  inner.span = 1001;
  inner.parent = 1000;
  otlp::ReferenceRequest request = request_of({server(100, 200 * kMs), inner});
  auto& span = *request.mutable_resource_spans(1)->mutable_scope_spans(0)->mutable_spans(0);
  span.add_events()->set_time_unix_nano(kBegin + 205 * kMs);
  auto batch = otlp::Batch::from_wire(request.SerializeAsString());
  story.take(*std::move(batch), false);
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 2 * kMs);
  EXPECT_EQ(first_span(story).end_time_unix_nano(), kBegin + 8 * kMs);
  EXPECT_FALSE(first_span(story).parent_span_id().empty());
  const auto& other = story.last().resource_spans(1).scope_spans(0).spans(0);
  EXPECT_EQ(other.start_time_unix_nano(), kBegin + 2 * kMs);
  EXPECT_EQ(other.events(0).time_unix_nano(), kBegin + 5 * kMs);
  EXPECT_EQ(story.count("kernspan_stitch_corrected_spans"), 2);

  ToldSpan late = inner;
  late.span = 1002;
  story.comes({late});
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 2 * kMs) << "moved like the others";
}

TEST(StitchSkewTest, CorrectLeavesWhatIsInside) {
  StitchStory story({.skew_action = SkewAction::kCorrect});
  for (unsigned i = 0; i < 10; ++i) {
    story.comes({client(1 + i, 100 + i), server(100 + i, 200 * kMs)});
  }
  story.comes({client(50, 500)});
  story.comes({server(500, 0)});
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 2 * kMs);
}

TEST(StitchSkewTest, AServerWhoseRootIsStillToComeIsMovedByWhatIsKnown) {
  StitchStory story({.skew_action = SkewAction::kCorrect});
  story.comes({client(1, 100), server(100, 200 * kMs)});
  ToldSpan inner = server(500, 200 * kMs);
  inner.parent = 5000;
  inner.span = 5001;
  story.comes({client(50, 500)});
  story.comes({inner});
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 2 * kMs);
  story.comes({server(500, 200 * kMs)});
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 2 * kMs);
}

TEST(StitchSkewTest, CorrectionsAddUpOverAChain) {
  // b is 200 ms ahead of a, and c 500 ms ahead of b.
  StitchStory story({.skew_action = SkewAction::kCorrect});
  ToldSpan c = server(200, 700 * kMs);
  c.node = "c";
  c.start += kMs;
  c.end -= kMs;
  ToldSpan b_calls = server(100, 200 * kMs);
  b_calls.calls = 200;
  story.comes({c});
  story.comes({b_calls});
  EXPECT_TRUE(story.out().empty());
  story.comes({client(1, 100)});
  std::uint64_t seen = 0;
  for (const auto& resource : story.last().resource_spans()) {
    const auto& span = resource.scope_spans(0).spans(0);
    const std::uint64_t expected = kBegin + 2 * kMs + (number_of(span.span_id()) == 2000 ? kMs : 0);
    EXPECT_EQ(span.start_time_unix_nano(), expected);
    ++seen;
  }
  EXPECT_EQ(seen, 2U);
}

TEST(StitchSkewTest, AClientAheadIsTheSameTheOtherWay) {
  StitchStory story({.skew_action = SkewAction::kCorrect});
  story.comes({client(1, 100)});
  story.comes({server(100, 0 - 200 * kMs)});
  EXPECT_EQ(first_span(story).start_time_unix_nano(), kBegin + 2 * kMs);
  EXPECT_EQ(skew_of(first_span(story)), -200 * static_cast<std::int64_t>(kMs));
}

}  // namespace
}  // namespace kernspan::stitch
