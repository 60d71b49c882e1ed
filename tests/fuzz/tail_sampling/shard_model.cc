#include "tests/fuzz/tail_sampling/shard_model.h"

#include <algorithm>
#include <tuple>

namespace kernspan::sampling {

TraceStatus model_verdict(int trace, std::size_t spans) {
  switch (trace % 4) {
    case 0:
      return TraceStatus::kSampled;
    case 1:
      return TraceStatus::kNotSampled;
    case 2:
      return TraceStatus::kDropped;
    default:
      return spans >= 3 ? TraceStatus::kSampled : TraceStatus::kNotSampled;
  }
}

ShardModel::Trace* ShardModel::find(int trace) {
  const auto found = std::ranges::find(traces_, trace, &Trace::trace);
  return found == traces_.end() ? nullptr : &*found;
}

std::optional<TraceStatus> ShardModel::find_cached(int trace) {
  for (Cache* cache : {&sampled_, &non_sampled_}) {
    const auto found = std::ranges::find(*cache, trace, &Cache::value_type::first);
    if (found == cache->end()) continue;
    const auto used = *found;
    cache->erase(found);
    cache->push_back(used);
    return used.second;
  }
  return std::nullopt;
}

std::size_t ShardModel::take(const std::vector<ModelSpan>& request, std::uint64_t request_number,
                             std::size_t from, std::uint64_t now_ns) {
  for (std::size_t i = from; i < request.size(); ++i) {
    const ModelSpan& span = request[i];
    Trace* trace = find(span.trace);
    if (trace != nullptr && trace->status != TraceStatus::kPending) {
      follow(trace->status, span.span);
      continue;
    }
    if (trace == nullptr) {
      if (const auto cached = find_cached(span.trace)) {
        follow(*cached, span.span);
        continue;
      }
      if (!make_room()) return i;
      trace = &traces_.emplace_back(Trace{.trace = span.trace});
      set_due(*trace, now_ns + static_cast<std::uint64_t>(settings_.decision_wait.count()));
    }
    trace->spans.push_back(span.span);
    trace->bytes += span.bytes;
    if (std::exchange(trace->last_request, request_number) != request_number) {
      trace->bytes += span.header_bytes;
    }
    const auto after_root =
        static_cast<std::uint64_t>(settings_.decision_wait_after_root_received.count());
    if (span.is_root && after_root != 0 && now_ns + after_root < trace->due_ns) {
      set_due(*trace, now_ns + after_root);
    }
    if (settings_.maximum_trace_size_bytes != 0 &&
        trace->bytes > settings_.maximum_trace_size_bytes) {
      end(span.trace, TraceStatus::kNotSampled, "trace_too_large");
    }
  }
  return request.size();
}

void ShardModel::set_due(Trace& trace, std::uint64_t due_ns) {
  trace.due_ns = due_ns;
  trace.tick = std::max(due_ns >> kTickBits, tick_);
  trace.order = order_++;
}

bool ShardModel::make_room() {
  while (traces_.size() >= settings_.num_traces) {
    const Trace* oldest = nullptr;
    for (const Trace& trace : traces_) {
      if (trace.status == TraceStatus::kPending) continue;
      if (oldest == nullptr || trace.order < oldest->order) oldest = &trace;
    }
    if (oldest != nullptr) {
      erase(oldest->trace);
      continue;
    }
    if (settings_.block_on_overflow) return false;
    const int first = traces_.front().trace;
    if (settings_.decide_on_overflow) {
      decide(first);
    } else {
      end(first, TraceStatus::kNotSampled, "dropped_too_early");
    }
  }
  return true;
}

void ShardModel::advance(std::uint64_t now_ns) {
  std::vector<std::tuple<std::uint64_t, std::uint64_t, int>> due;
  for (const Trace& trace : traces_) {
    if (trace.status != TraceStatus::kPending || trace.due_ns > now_ns) continue;
    due.emplace_back(trace.tick, trace.order, trace.trace);
  }
  std::ranges::sort(due);
  for (const auto& [tick, order, trace] : due) decide(trace);
  tick_ = std::max(tick_, now_ns >> kTickBits);
}

void ShardModel::decide(int trace) {
  const TraceStatus status = model_verdict(trace, find(trace)->spans.size());
  end(trace, status, reason_of(status));
}

void ShardModel::end(int trace, TraceStatus status, const std::string& reason) {
  Trace& ended = *find(trace);
  if (status == TraceStatus::kSampled) {
    kept_.insert(kept_.end(), ended.spans.begin(), ended.spans.end());
  } else {
    dropped_[reason] += ended.spans.size();
  }
  ended.spans.clear();
  if (reason == "dropped_too_early" || reason == "pending_at_shutdown") return erase(trace);
  const bool sampled = status == TraceStatus::kSampled;
  const std::size_t capacity =
      sampled ? settings_.sampled_cache_size : settings_.non_sampled_cache_size;
  if (capacity != 0) {
    put(sampled ? sampled_ : non_sampled_, capacity, trace, status);
    return erase(trace);
  }
  ended.status = status;
  ended.order = order_++;
}

void ShardModel::put(Cache& cache, std::size_t capacity, int trace, TraceStatus status) {
  std::erase_if(cache, [&](const auto& entry) { return entry.first == trace; });
  if (cache.size() == capacity) cache.erase(cache.begin());
  cache.emplace_back(trace, status);
}

void ShardModel::follow(TraceStatus status, int span) {
  if (status == TraceStatus::kSampled) {
    kept_.push_back(span);
  } else {
    ++dropped_[reason_of(status)];
  }
}

void ShardModel::erase(int trace) {
  std::erase_if(traces_, [&](const Trace& each) { return each.trace == trace; });
}

void ShardModel::remember(int trace, TraceStatus status, std::uint64_t now_ns) {
  if (const Trace* found = find(trace)) {
    if (found->status == TraceStatus::kPending) end(trace, status, reason_of(status));
    return;
  }
  const bool sampled = status == TraceStatus::kSampled;
  const std::size_t capacity =
      sampled ? settings_.sampled_cache_size : settings_.non_sampled_cache_size;
  if (capacity != 0) {
    put(sampled ? sampled_ : non_sampled_, capacity, trace, status);
  } else if (traces_.size() < settings_.num_traces) {
    traces_.push_back({.trace = trace, .status = status, .due_ns = now_ns, .order = order_++});
  }
}

void ShardModel::finish() {
  while (pending_count() != 0) {
    const int first = std::ranges::find(traces_, TraceStatus::kPending, &Trace::status)->trace;
    if (settings_.drop_pending_traces_on_shutdown) {
      end(first, TraceStatus::kNotSampled, "pending_at_shutdown");
    } else {
      decide(first);
    }
  }
}

std::size_t ShardModel::pending_count() const {
  return static_cast<std::size_t>(
      std::ranges::count(traces_, TraceStatus::kPending, &Trace::status));
}

std::size_t ShardModel::held_span_count() const {
  std::size_t spans = 0;
  for (const Trace& trace : traces_) spans += trace.spans.size();
  return spans;
}

}  // namespace kernspan::sampling
