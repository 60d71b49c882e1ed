#include "tools/kernspan/traces/trace_store.h"

#include <iterator>
#include <limits>
#include <utility>

namespace kernspan::tools {

void TraceStore::add(const TraceId& id, TraceSpan span, std::uint64_t now_ns) {
  auto found = by_id_.find(id);
  if (found == by_id_.end()) {
    traces_.push_back({.id = id, .spans = {}, .updated_at_ns = now_ns});
    found = by_id_.emplace(id, std::prev(traces_.end())).first;
  } else {
    traces_.splice(traces_.end(), traces_, found->second);
  }
  // This trace is now the last one: whatever is evicted is another.
  while (span_count_ >= spans_max_ && traces_.size() > 1) evict_oldest();
  if (span_count_ >= spans_max_) {
    ++spans_dropped_;
    return;
  }
  found->second->updated_at_ns = now_ns;
  found->second->spans.push_back(std::move(span));
  ++span_count_;
}

void TraceStore::evict_oldest() {
  span_count_ -= traces_.front().spans.size();
  by_id_.erase(traces_.front().id);
  traces_.pop_front();
  ++traces_evicted_;
}

std::vector<Trace> TraceStore::take_quiet(std::uint64_t before_ns) {
  std::vector<Trace> quiet;
  while (!traces_.empty() && traces_.front().updated_at_ns < before_ns) {
    span_count_ -= traces_.front().spans.size();
    by_id_.erase(traces_.front().id);
    quiet.push_back(std::move(traces_.front()));
    traces_.pop_front();
  }
  return quiet;
}

std::vector<Trace> TraceStore::take_all() {
  return take_quiet(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace kernspan::tools
