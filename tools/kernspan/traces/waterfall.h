#pragma once

#include <cstddef>
#include <string>

#include "tools/kernspan/traces/trace.h"

namespace kernspan::tools {

struct WaterfallStyle {
  std::size_t width = 100;  // columns of the terminal
  bool colour = false;
  bool unicode = true;  // lines and bars; else ASCII only
};

// Spans of one trace that are drawn; the rest is a number.
inline constexpr std::size_t kSpansShownMax = 1000;

// A trace as a tree of its spans in the order of their starts, one line each: service, operation,
// how long after the trace's start, duration, bar, status and the evidence of the link to the
// parent. A span whose parent is not among the spans stands at the margin and says so. Any input is
// drawn, loops of parents included.
std::string draw_waterfall(const Trace& trace, const WaterfallStyle& style);

}  // namespace kernspan::tools
