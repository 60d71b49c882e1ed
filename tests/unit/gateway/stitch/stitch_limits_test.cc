// What is remembered is bounded, and what has no room goes on early.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/stitch/stitch_story.h"

namespace kernspan::stitch {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(StitchLimitsTest, TheOldestTraceGoesFirst) {
  StitchStory story({.max_waiting_traces = 2});
  story.comes({{.trace = 100, .span = 1, .derived = true}});
  story.comes({{.trace = 200, .span = 2, .derived = true}});
  EXPECT_THAT(story.out(), IsEmpty());
  story.comes({{.trace = 300, .span = 3, .derived = true}});
  EXPECT_THAT(story.out(), ElementsAre("100/1 derived"));
  EXPECT_EQ(story.count("kernspan_stitch_traces", "released_pressure"), 1);
  EXPECT_EQ(story.table().waiting_traces(), 2U);
}

TEST(StitchLimitsTest, BytesAreBounded) {
  constexpr std::size_t kLimit = 20'000;
  StitchStory story({.max_waiting_bytes = kLimit});
  for (unsigned i = 0; i < 200; ++i) {
    story.comes({{.trace = 100 + i, .span = i + 1, .derived = true}});
    EXPECT_LE(story.table().waiting_bytes(), kLimit);
  }
  const double released = story.count("kernspan_stitch_traces", "released_pressure");
  EXPECT_GT(released, 100);
  EXPECT_EQ(static_cast<double>(story.out().size()), released);
  story.passes(1h);
  EXPECT_EQ(static_cast<double>(story.out().size()), 200 - released);
  EXPECT_EQ(story.table().waiting_bytes(), 0U);
}

TEST(StitchLimitsTest, OneTraceThatIsTooLargeGoesOn) {
  StitchStory story({.max_waiting_bytes = 2000});
  std::vector<ToldSpan> spans(100, {.trace = 100, .span = 7, .derived = true});
  story.comes(spans);
  EXPECT_EQ(story.out().size(), 100U);
  EXPECT_EQ(story.table().waiting_bytes(), 0U);
}

TEST(StitchLimitsTest, ATraceOfManyRequestsCountsAllOfThem) {
  constexpr std::size_t kLimit = 20'000;
  StitchStory story({.max_waiting_bytes = kLimit});
  for (unsigned i = 0; i < 300; ++i) {
    story.comes({{.trace = 100, .span = i + 1, .derived = true}});
    EXPECT_LE(story.table().waiting_bytes(), kLimit);
  }
  EXPECT_EQ(story.out().size(), 300U) << "released early, and the rest follows";
}

TEST(StitchLimitsTest, AnnouncementsWithoutATakerExpire) {
  StitchStory story({.announcement_wait = 30s});
  story.comes({{.trace = 1, .span = 1, .calls = 100}});
  story.passes(29s);
  EXPECT_EQ(story.table().announcements(), 1U);
  story.passes(1s);
  EXPECT_EQ(story.table().announcements(), 0U);
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "expired"), 1);
}

TEST(StitchLimitsTest, OfTooManyAnnouncementsTheOldestGoes) {
  StitchStory story({.max_announcements = 2});
  for (unsigned i = 0; i < 3; ++i) story.comes({{.trace = 1, .span = i + 1, .calls = 100 + i}});
  EXPECT_EQ(story.table().announcements(), 2U);
  EXPECT_EQ(story.count("kernspan_stitch_announcements", "evicted"), 1);
  story.out();
  story.comes({{.trace = 101, .span = 9, .derived = true}});
  EXPECT_THAT(story.out(), ElementsAre("1/9<2 wire"));
  story.comes({{.trace = 100, .span = 8, .derived = true}});
  EXPECT_THAT(story.out(), IsEmpty());
}

TEST(StitchLimitsTest, WhatIsRememberedIsWhatWasUsedLast) {
  StitchStory story({.wait = 5s, .max_remembered_traces = 2});
  const auto call = [&](unsigned trace) {
    story.comes({{.trace = 1, .span = trace + 1, .calls = trace},
                 {.trace = trace, .span = trace + 2, .derived = true}});
  };
  call(100);
  call(200);
  story.out();
  story.comes({{.trace = 100, .span = 5, .parent = 102, .derived = true}});
  EXPECT_THAT(story.out(), ElementsAre("1/5<102"));
  call(300);
  story.out();
  EXPECT_EQ(story.table().remembered_traces(), 2U);
  story.comes({{.trace = 100, .span = 6, .parent = 102, .derived = true}});
  EXPECT_THAT(story.out(), ElementsAre("1/6<102"));
  story.comes({{.trace = 200, .span = 7, .parent = 202, .derived = true}});
  EXPECT_THAT(story.out(), IsEmpty()) << "forgotten: it waits again";
  story.passes(5s);
  EXPECT_THAT(story.out(), ElementsAre("200/7<202 derived"));
}

TEST(StitchLimitsTest, EveryAnnouncementIsAccountedFor) {
  StitchStory story({.announcement_wait = 30s, .max_announcements = 5});
  for (unsigned i = 0; i < 40; ++i) {
    story.comes({{.trace = 1 + i % 3, .span = i % 7 + 1, .calls = 100 + i % 11}});
    if (i % 4 == 0) story.comes({{.trace = 100 + i % 13, .span = 50, .derived = true}});
    if (i % 10 == 9) story.passes(12s);
  }
  double ended = static_cast<double>(story.table().announcements());
  for (const char* outcome : {"matched", "repeated", "conflicting", "late", "cyclic", "expired",
                              "evicted", "handed_over"}) {
    ended += story.count("kernspan_stitch_announcements", outcome);
  }
  EXPECT_EQ(ended, story.count("kernspan_stitch_announcements_received"));
}

}  // namespace
}  // namespace kernspan::stitch
