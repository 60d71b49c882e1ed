#include "tools/kernspan/traces/trace_feed.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace kernspan::tools {
namespace {

constexpr std::string_view kTraceA = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kTraceB = "4bf92f3577b34da6a3ce929d0e0e4736";

std::string span_line(std::string_view trace) {
  return R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":)"
         R"({"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{"traceId":")" +
         std::string(trace) +
         R"(","spanId":"00f067aa0ba902b7","name":"GET","kind":2,"startTimeUnixNano":"5",)"
         R"("endTimeUnixNano":"9"}]}]}]})";
}

class TraceFeedTest : public testing::Test {
 protected:
  void feed(const std::string& bytes) { feed_.feed(bytes, 1); }

  TraceFilter filter_;
  TraceFeed feed_{filter_, 100};
};

TEST_F(TraceFeedTest, LinesBecomeTraces) {
  const std::string line = span_line(kTraceA) + "\n";
  feed(line.substr(0, 40));
  EXPECT_EQ(feed_.store().span_count(), 0u);
  feed(line.substr(40) + span_line(kTraceB));
  feed_.finish(2);
  EXPECT_EQ(feed_.store().take_all().size(), 2u);
  EXPECT_EQ(feed_.losses(), "");
}

TEST_F(TraceFeedTest, LineThatIsStillBeingWrittenIsNoError) {
  feed(span_line(kTraceA) + "\n" + span_line(kTraceB).substr(0, 60));
  feed_.finish(2);
  EXPECT_EQ(feed_.store().span_count(), 1u);
  EXPECT_EQ(feed_.losses(), "");
}

TEST_F(TraceFeedTest, BadLinesAreCountedAndTheFirstIsShown) {
  feed("{}\nnot json\n" + span_line(kTraceA) + "\n[1]\n");
  EXPECT_EQ(feed_.store().span_count(), 1u);
  EXPECT_TRUE(feed_.losses().starts_with("lines that could not be read: 2; the first: line 2: "))
      << feed_.losses();
}

TEST_F(TraceFeedTest, OnlyTheWantedTraceIsKept) {
  filter_.trace_id_prefix = "4bf92f";
  feed(span_line(kTraceA) + "\n" + span_line(kTraceB) + "\n");
  const std::vector<Trace> traces = feed_.store().take_all();
  ASSERT_EQ(traces.size(), 1u);
  EXPECT_EQ(traces[0].id.hex(), kTraceB);
}

TEST_F(TraceFeedTest, EvictionIsSaid) {
  TraceFeed small(filter_, 1);
  small.feed(span_line(kTraceA) + "\n" + span_line(kTraceB) + "\n" + span_line(kTraceB) + "\n", 1);
  EXPECT_EQ(small.losses(),
            "older traces left out to save memory: 1; --trace finds one of them\n"
            "spans of a huge trace left out to save memory: 1\n");
}

}  // namespace
}  // namespace kernspan::tools
