#pragma once

#include <cstddef>
#include <vector>

#include "tools/kernspan/traces/trace.h"

namespace kernspan::tools {

// A span's place in the tree.
struct TreeRow {
  const TraceSpan* span = nullptr;
  // For each level below the margin, down to the span itself: is the ancestor there the last child
  // of its parent? Empty for spans at the margin.
  std::vector<bool> is_last_at;
  bool is_orphan = false;  // it has a parent, which is not among the spans
};

// The spans depth first, children in the order of their starts; at most `rows_max` rows. The rows
// borrow the spans. Every span appears once, whatever the parent ids say: a loop is opened at its
// earliest span, and of two spans with the same id the first has the children.
std::vector<TreeRow> order_as_tree(const std::vector<TraceSpan>& spans, std::size_t rows_max);

}  // namespace kernspan::tools
