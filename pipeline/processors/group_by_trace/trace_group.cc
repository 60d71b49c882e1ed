#include "pipeline/processors/group_by_trace/trace_group.h"

#include <utility>

namespace kernspan {

TraceGroup::TraceGroup(std::size_t max_traces, std::chrono::nanoseconds wait, KeyedIdHash hash)
    : max_traces_(max_traces),
      wait_ns_(static_cast<std::uint64_t>(wait.count())),
      by_id_(0, hash) {}

std::optional<otlp::Batch> TraceGroup::add(const TraceId& trace_id, otlp::Batch spans,
                                           std::uint64_t now_ns) {
  spans_ += spans.item_count();
  if (const auto found = by_id_.find(trace_id); found != by_id_.end()) {
    found->second->batch.append(std::move(spans));
    return std::nullopt;
  }
  std::optional<otlp::Batch> evicted;
  if (traces_.size() >= max_traces_) evicted = take_first();
  traces_.push_back({.id = trace_id, .first_ns = now_ns, .batch = std::move(spans)});
  by_id_[trace_id] = std::prev(traces_.end());
  return evicted;
}

std::optional<otlp::Batch> TraceGroup::take_due(std::uint64_t now_ns, bool at_once) {
  if (traces_.empty()) return std::nullopt;
  if (!at_once && traces_.front().first_ns + wait_ns_ > now_ns) return std::nullopt;
  return take_first();
}

otlp::Batch TraceGroup::take_first() {
  otlp::Batch batch = std::move(traces_.front().batch);
  spans_ -= batch.item_count();
  by_id_.erase(traces_.front().id);
  traces_.pop_front();
  return batch;
}

std::optional<std::uint64_t> TraceGroup::next_due_ns() const {
  if (traces_.empty()) return std::nullopt;
  return traces_.front().first_ns + wait_ns_;
}

}  // namespace kernspan
