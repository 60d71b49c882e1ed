#include "tools/kernspan/traces/span_tree.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace kernspan::tools {
namespace {

// Deeper spans are drawn at this depth: their rows would hold more indentation than anything else.
constexpr std::size_t kDepthMax = 128;

using Index = std::size_t;

class TreeOrder {
 public:
  explicit TreeOrder(const std::vector<TraceSpan>& spans)
      : spans_(spans), children_(spans.size()), is_placed_(spans.size(), false) {
    by_start_.reserve(spans.size());
    for (Index i = 0; i < spans.size(); ++i) {
      by_start_.push_back(i);
      by_id_.try_emplace(spans[i].id, i);
    }
    // A caller's span that starts in the same nanosecond as its callee's comes first.
    std::ranges::stable_sort(by_start_, [&](Index a, Index b) {
      return std::pair(spans[a].start_ns, !spans[a].is_client) <
             std::pair(spans[b].start_ns, !spans[b].is_client);
    });
    for (const Index i : by_start_) {
      if (const auto parent = parent_of(i)) children_[*parent].push_back(i);
    }
  }

  std::vector<TreeRow> rows(std::size_t rows_max) {
    for (const Index i : by_start_) {
      if (!parent_of(i)) place(i, rows_max);
    }
    // What is left hangs in loops.
    for (const Index i : by_start_) {
      if (!is_placed_[i]) place(i, rows_max);
    }
    return std::move(rows_);
  }

 private:
  struct Pending {
    Index index;
    std::vector<bool> is_last_at;
  };

  std::optional<Index> parent_of(Index i) const {
    const auto found = by_id_.find(spans_[i].parent);
    if (!spans_[i].parent.is_valid() || found == by_id_.end() || found->second == i) {
      return std::nullopt;
    }
    return found->second;
  }

  // Not recursive: the depth comes from the input.
  void place(Index top, std::size_t rows_max) {
    std::vector<Pending> stack{{top, {}}};
    while (!stack.empty() && rows_.size() < rows_max) {
      Pending next = std::move(stack.back());
      stack.pop_back();
      if (is_placed_[next.index]) continue;
      is_placed_[next.index] = true;
      push_children(next, stack);
      rows_.push_back({.span = &spans_[next.index],
                       .is_last_at = std::move(next.is_last_at),
                       .is_orphan = spans_[next.index].parent.is_valid() &&
                                    !by_id_.contains(spans_[next.index].parent)});
    }
  }

  void push_children(const Pending& parent, std::vector<Pending>& stack) const {
    bool is_last = true;
    const std::vector<Index>& children = children_[parent.index];
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      if (is_placed_[*child]) continue;
      std::vector<bool> is_last_at = parent.is_last_at;
      if (is_last_at.size() < kDepthMax) is_last_at.push_back(is_last);
      stack.push_back({*child, std::move(is_last_at)});
      is_last = false;
    }
  }

  const std::vector<TraceSpan>& spans_;
  std::unordered_map<SpanId, Index> by_id_;
  std::vector<Index> by_start_;
  std::vector<std::vector<Index>> children_;  // in the order of their starts
  std::vector<bool> is_placed_;
  std::vector<TreeRow> rows_;
};

}  // namespace

std::vector<TreeRow> order_as_tree(const std::vector<TraceSpan>& spans, std::size_t rows_max) {
  return TreeOrder(spans).rows(rows_max);
}

}  // namespace kernspan::tools
