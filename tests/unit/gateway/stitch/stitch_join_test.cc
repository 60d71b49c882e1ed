// Who becomes whose child, in every order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/gateway/stitch/stitch_story.h"

namespace kernspan::stitch {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Trace 1 calls the server of trace 100.
const ToldSpan client = {.trace = 1, .span = 2, .parent = 1, .calls = 100};
const ToldSpan server = {.trace = 100, .span = 10, .derived = true};
const ToldSpan inner = {
    .trace = 100, .span = 11, .parent = 10, .derived = true, .links_itself = true};

TEST(StitchJoinTest, WhatIsNotDerivedGoesOnAtOnce) {
  StitchStory story;
  story.comes({{.trace = 1, .span = 1}, client});
  EXPECT_THAT(story.out(), ElementsAre("1/1", "1/2<1"));
  EXPECT_EQ(story.table().announcements(), 1U);
}

TEST(StitchJoinTest, TheServerComesSecond) {
  StitchStory story;
  story.comes({client});
  EXPECT_THAT(story.out(), ElementsAre("1/2<1"));
  story.comes({server, inner});
  EXPECT_THAT(story.out(), ElementsAre("1/10<2 wire", "1/11<10 link=1"));
  EXPECT_EQ(story.table().waiting_bytes(), 0U);
  EXPECT_EQ(story.count("kernspan_stitch_spans", "joined"), 2);
}

TEST(StitchJoinTest, TheServerComesFirst) {
  StitchStory story;
  story.comes({server, inner});
  EXPECT_THAT(story.out(), IsEmpty());
  EXPECT_EQ(story.table().waiting_traces(), 1U);
  story.comes({client});
  EXPECT_THAT(story.out(), ElementsAre("1/10<2 wire", "1/11<10 link=1", "1/2<1"));
  EXPECT_EQ(story.table().waiting_traces(), 0U);
  EXPECT_EQ(story.table().waiting_bytes(), 0U);
}

TEST(StitchJoinTest, OneRequestMayHoldBoth) {
  StitchStory story;
  story.comes({server, client, inner});
  EXPECT_THAT(story.out(), ElementsAre("1/10<2 wire", "1/11<10 link=1", "1/2<1"));
}

TEST(StitchJoinTest, LateSpansFollow) {
  StitchStory story;
  story.comes({client});
  story.comes({server});
  story.out();
  story.passes(1h);
  story.comes({inner});
  EXPECT_THAT(story.out(), ElementsAre("1/11<10 link=1"));
  EXPECT_EQ(story.count("kernspan_stitch_late_spans"), 1);
}

TEST(StitchJoinTest, EveryOrderOfAChain) {
  // 1 -> 100 -> 200, where 200 calls nobody.
  std::vector<ToldSpan> spans = {
      client,
      server,
      inner,
      {.trace = 100, .span = 12, .parent = 11, .derived = true, .calls = 200},
      {.trace = 200, .span = 20, .derived = true},
      {.trace = 200, .span = 21, .parent = 20, .derived = true}};
  const std::vector<std::string> joined = {"1/10<2 wire",  "1/11<10 link=1", "1/12<11",
                                           "1/20<12 wire", "1/21<20",        "1/2<1"};
  std::vector<int> order = {0, 1, 2, 3, 4, 5};
  do {
    StitchStory story;
    for (const int i : order) story.comes({spans[static_cast<std::size_t>(i)]});
    EXPECT_EQ(story.out(), joined) << ::testing::PrintToString(order);
    EXPECT_EQ(story.table().waiting_bytes(), 0U);
  } while (std::ranges::next_permutation(order).found);
}

TEST(StitchJoinTest, TwentyCallsDeep) {
  for (const bool from_the_end : {false, true}) {
    StitchStory story;
    std::vector<std::vector<ToldSpan>> requests = {{{.trace = 1, .span = 1, .calls = 100}}};
    std::vector<std::string> joined = {"1/1"};
    for (unsigned depth = 0; depth < 20; ++depth) {
      const unsigned trace = 100 + depth;
      requests.push_back({{.trace = trace, .span = 2 * depth + 10, .derived = true},
                          {.trace = trace,
                           .span = 2 * depth + 11,
                           .parent = 2 * depth + 10,
                           .derived = true,
                           .calls = depth + 1 < 20 ? trace + 1 : 0}});
      const std::string parent = std::to_string(depth == 0 ? 1 : 2 * depth + 9);
      const std::string root = std::to_string(2 * depth + 10);
      joined.push_back("1/" + root + "<" + parent + " wire");
      joined.push_back("1/" + std::to_string(2 * depth + 11) + "<" + root);
    }
    std::ranges::sort(joined);
    if (from_the_end) std::ranges::reverse(requests);
    for (const auto& request : requests) story.comes(request);
    EXPECT_EQ(story.out(), joined);
  }
}

TEST(StitchJoinTest, WhatNeverMeetsIsReleasedAsItIs) {
  StitchStory story({.wait = 5s});
  story.comes({server, {.trace = 100, .span = 12, .parent = 10, .derived = true, .calls = 200}});
  story.passes(4999ms);
  EXPECT_THAT(story.out(), IsEmpty());
  story.passes(1ms);
  EXPECT_THAT(story.out(), ElementsAre("100/10 derived", "100/12<10 derived calls=200"));
  EXPECT_EQ(story.count("kernspan_stitch_traces", "released_timeout"), 1);
  EXPECT_EQ(story.count("kernspan_stitch_spans", "released"), 2);
  EXPECT_EQ(story.table().waiting_bytes(), 0U);

  story.comes({inner});
  EXPECT_THAT(story.out(), ElementsAre("100/11<10 derived link=100")) << "the trace is not split";
  story.comes({client});
  EXPECT_THAT(story.out(), ElementsAre("1/2<1"));
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "late"), 1);
  story.comes({{.trace = 100, .span = 13, .parent = 10, .derived = true}});
  EXPECT_THAT(story.out(), ElementsAre("100/13<10 derived"));
}

TEST(StitchJoinTest, ACallerThatIsReleasedTakesItsCalleesAlong) {
  StitchStory story({.wait = 5s});
  story.comes({{.trace = 200, .span = 20, .derived = true}});
  story.comes({server, {.trace = 100, .span = 12, .parent = 10, .derived = true, .calls = 200}});
  EXPECT_THAT(story.out(), IsEmpty());
  story.passes(5s);
  EXPECT_THAT(story.out(), ElementsAre("100/10 derived", "100/12<10 derived calls=200",
                                       "100/20<12 derived wire"));
}

TEST(StitchJoinTest, AnnouncementsStayWhereTheNextTierStitches) {
  StitchStory story({.keep_announcements = true});
  story.comes({client});
  EXPECT_THAT(story.out(), ElementsAre("1/2<1 calls=100"));
  story.comes({server, {.trace = 100, .span = 12, .parent = 10, .derived = true, .calls = 200}});
  EXPECT_THAT(story.out(), ElementsAre("1/10<2 wire", "1/12<10 calls=200"));
}

TEST(StitchJoinTest, TheFirstOfTwoCallersCounts) {
  StitchStory story;
  story.comes({client});
  story.comes({client});
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "repeated"), 1);
  story.comes({{.trace = 3, .span = 30, .calls = 100}});
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "conflicting"), 1);
  story.out();
  story.comes({server});
  EXPECT_THAT(story.out(), ElementsAre("1/10<2 wire"));
}

TEST(StitchJoinTest, CirclesAreRefused) {
  StitchStory story({.wait = 5s});
  story.comes({{.trace = 100, .span = 10, .derived = true, .calls = 100}});
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "cyclic"), 1) << "of itself";
  story.comes({{.trace = 100, .span = 11, .parent = 10, .derived = true, .calls = 200}});
  story.comes({{.trace = 200, .span = 20, .derived = true, .calls = 300}});
  story.comes({{.trace = 300, .span = 30, .derived = true, .calls = 100}});
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "cyclic"), 2);
  story.passes(5s);
  EXPECT_THAT(story.out(), ElementsAre("100/10 derived calls=100", "100/11<10 derived calls=200",
                                       "100/20<11 derived wire", "100/30<20 derived wire"));
}

TEST(StitchJoinTest, AChainHasALimit) {
  StitchStory story;
  for (unsigned i = 0; i < 200; ++i) {
    story.comes({{.trace = 100 + i, .span = i + 1, .derived = true, .calls = 101 + i}});
  }
  EXPECT_GE(story.count("kernspan_stitch_too_deep"), 1);
  story.passes(1h);
  EXPECT_EQ(story.out().size(), 200U);
  EXPECT_EQ(story.table().waiting_bytes(), 0U);
}

TEST(StitchJoinTest, ADerivedSpanWithoutATraceIdIsNone) {
  StitchStory story;
  otlp::ReferenceRequest request = request_of({server});
  request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0)->clear_trace_id();
  auto batch = otlp::Batch::from_wire(request.SerializeAsString());
  story.take(*std::move(batch), false);
  EXPECT_EQ(story.out().size(), 1U);
}

}  // namespace
}  // namespace kernspan::stitch
