#include "tools/kernspan/traces/waterfall.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "tests/unit/tools/kernspan/traces/trace_builder.h"

namespace kernspan::tools {
namespace {

constexpr WaterfallStyle kPlain{.width = 110, .colour = false, .unicode = false};

Trace order() {
  return TraceBuilder()
      .span(2, 1, 400, 11'800, "nginx", "POST /order/7")
      .evidence("wire")
      .span(1, 0, 0, 12'000, "driver", "POST /order/7")
      .call()
      .span(3, 2, 700, 11'500, "nginx", "POST /checkout/7")
      .call()
      .evidence("event_loop")
      .span(4, 3, 900, 11'200, "shop", "POST /checkout/7")
      .evidence("wire")
      .span(6, 4, 6'000, 9'000, "shop", "POST /discount/7")
      .call()
      .failed("error", "connection_closed")
      .evidence("thread")
      .span(5, 4, 2'000, 4'000, "shop", "POST /price/7")
      .call()
      .evidence("thread")
      .build();
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

TEST(WaterfallTest, TreeInAscii) {
  EXPECT_EQ("\n" + draw_waterfall(order(), kPlain), R"(
trace 5b8efff798038103d269b633813fc60c  6 spans, 3 services, 12.0 ms, 2023-11-14 22:13:20.000 UTC
driver > POST /order/7                    +0 us     12.0 ms  #############################  200    root
`- nginx POST /order/7                  +400 us     11.4 ms  #############################  200    wire
   `- nginx > POST /checkout/7          +700 us     10.8 ms   ###########################   200    event_loop
      `- shop POST /checkout/7          +900 us     10.3 ms    #########################    200    wire
         |- shop > POST /price/7        +2.0 ms      2.0 ms      ######                     200    thread
         `- shop > POST /discount/7     +6.0 ms      3.0 ms                ########         error  thread  [connection_closed]
)");
}

TEST(WaterfallTest, TreeInUnicode) {
  EXPECT_EQ("\n" + draw_waterfall(order(), {.width = 110, .colour = false, .unicode = true}), R"(
trace 5b8efff798038103d269b633813fc60c  6 spans, 3 services, 12.0 ms, 2023-11-14 22:13:20.000 UTC
driver → POST /order/7                    +0 us     12.0 ms  █████████████████████████████  200    root
└─ nginx POST /order/7                  +400 us     11.4 ms  █████████████████████████████  200    wire
   └─ nginx → POST /checkout/7          +700 us     10.8 ms   ███████████████████████████   200    event_loop
      └─ shop POST /checkout/7          +900 us     10.3 ms    █████████████████████████    200    wire
         ├─ shop → POST /price/7        +2.0 ms      2.0 ms      ██████                     200    thread
         └─ shop → POST /discount/7     +6.0 ms      3.0 ms                ████████         error  thread  [connection_closed]
)");
}

TEST(WaterfallTest, ColourOfServicesErrorsAndEvidence) {
  const Trace trace = TraceBuilder()
                          .span(1, 0, 0, 100, "a", "GET /")
                          .span(2, 1, 10, 90, "b", "GET /b")
                          .failed("500", "")
                          .evidence("wire")
                          .build();
  EXPECT_EQ("\n" + draw_waterfall(trace, {.width = 80, .colour = true, .unicode = false}),
            "\n"
            "\033[1mtrace 5b8efff798038103d269b633813fc60c\033[0m  2 spans, 2 services, 100 us, "
            "2023-11-14 22:13:20.000 UTC\n"
            "\033[36ma GET /         \033[0m       +0 us      100 us  "
            "\033[36m##################\033[0m  200    \033[2mroot\033[0m\n"
            "\033[31m`- b GET /b     \033[0m      +10 us       80 us  \033[31m ###############  "
            "\033[0m  \033[31m500  \033[0m  \033[2mwire\033[0m\n");
}

TEST(WaterfallTest, NarrowTerminalCutsLabels) {
  const std::string text =
      draw_waterfall(order(), {.width = 80, .colour = false, .unicode = false});
  EXPECT_NE(text.find("~"), std::string::npos) << text;
}

TEST(WaterfallTest, RowsFitTheWidth) {
  Trace trace = order();
  for (TraceSpan& span : trace.spans) span.note.clear();
  for (const std::size_t width : {90u, 110u, 140u}) {
    const std::string text =
        draw_waterfall(trace, {.width = width, .colour = false, .unicode = false});
    EXPECT_LE(longest_line(text.substr(text.find('\n') + 1)), width) << text;
  }
}

TEST(WaterfallTest, SpanWhoseParentIsElsewhereStandsAtTheMargin) {
  const Trace trace = TraceBuilder()
                          .span(1, 0, 0, 100, "a", "GET /")
                          .span(2, 9, 10, 90, "b", "GET /b")
                          .evidence("traceparent")
                          .build();
  EXPECT_EQ("\n" + draw_waterfall(trace, kPlain), R"(
trace 5b8efff798038103d269b633813fc60c  2 spans, 2 services, 100 us, 2023-11-14 22:13:20.000 UTC
a GET /                +0 us      100 us  ################################################  200    root
b GET /b              +10 us       80 us      #######################################       200    traceparent, parent 0000000000000009 is not here
)");
}

TEST(WaterfallTest, EverySpanOfALoopIsDrawnOnce) {
  const Trace trace = TraceBuilder()
                          .span(1, 3, 0, 100, "a", "GET /1")
                          .span(2, 1, 10, 90, "b", "GET /2")
                          .span(3, 2, 20, 80, "c", "GET /3")
                          .span(4, 4, 30, 40, "d", "GET /own-parent")
                          .build();
  EXPECT_EQ("\n" + draw_waterfall(trace, kPlain), R"(
trace 5b8efff798038103d269b633813fc60c  4 spans, 4 services, 100 us, 2023-11-14 22:13:20.000 UTC
d GET /own-parent      +30 us       10 us                #####                              200
a GET /1                +0 us      100 us  ###############################################  200
`- b GET /2            +10 us       80 us      ######################################       200
   `- c GET /3         +20 us       60 us           #############################           200
)");
}

TEST(WaterfallTest, SameIdTwice) {
  const Trace trace = TraceBuilder()
                          .span(1, 0, 0, 100, "a", "GET /first")
                          .span(1, 0, 1, 100, "a", "GET /second")
                          .span(2, 1, 10, 90, "b", "GET /b")
                          .build();
  EXPECT_EQ("\n" + draw_waterfall(trace, kPlain), R"(
trace 5b8efff798038103d269b633813fc60c  3 spans, 2 services, 100 us, 2023-11-14 22:13:20.000 UTC
a GET /first           +0 us      100 us  ################################################  200    root
`- b GET /b           +10 us       80 us      #######################################       200
a GET /second          +1 us       99 us  ################################################  200    root
)");
}

TEST(WaterfallTest, SpansWithoutDuration) {
  const Trace trace =
      TraceBuilder().span(1, 0, 0, 0, "a", "GET /").span(2, 1, 0, 0, "b", "x").status("").build();
  EXPECT_EQ("\n" + draw_waterfall(trace, kPlain), R"(
trace 5b8efff798038103d269b633813fc60c  2 spans, 2 services, 0 us, 2023-11-14 22:13:20.000 UTC
a GET /                +0 us        0 us  #                                                 200    root
`- b x                 +0 us        0 us  #                                                 -
)");
}

TEST(WaterfallTest, DeepAndLongTracesAreBounded) {
  Trace trace;
  for (std::uint64_t i = 0; i < 2 * kSpansShownMax; ++i) {
    TraceSpan span;
    span.id.bytes[6] = static_cast<std::uint8_t>((i + 1) >> 8);
    span.id.bytes[7] = static_cast<std::uint8_t>(i + 1);
    span.parent.bytes[6] = static_cast<std::uint8_t>(i >> 8);
    span.parent.bytes[7] = static_cast<std::uint8_t>(i);
    span.start_ns = i;
    span.end_ns = i + 1;
    trace.spans.push_back(span);
  }
  const std::string text = draw_waterfall(trace, kPlain);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2 + static_cast<std::ptrdiff_t>(kSpansShownMax));
  EXPECT_TRUE(text.ends_with("\n1000 more spans\n"));
  EXPECT_LE(longest_line(text), 200u);
}

}  // namespace
}  // namespace kernspan::tools
