#include "pipeline/processors/tail_sampling/timing_wheel.h"

#include <algorithm>

namespace kernspan::sampling {

TimingWheel::TimingWheel(TraceSlab& traces, std::uint64_t now_ns)
    : traces_(traces),
      buckets_(kBuckets, TraceEntry::kNone),
      lasts_(kBuckets, TraceEntry::kNone),
      tick_(now_ns >> kTickBits) {}

void TimingWheel::insert(std::uint32_t trace, std::uint64_t due_ns) {
  TraceEntry& entry = traces_[trace];
  entry.due_ns = due_ns;
  // What is overdue belongs to the bucket that is looked at next.
  const std::uint64_t bucket = std::max(due_ns >> kTickBits, tick_) % kBuckets;
  entry.wheel_bucket = static_cast<std::uint32_t>(bucket);
  entry.wheel_previous = lasts_[bucket];
  entry.wheel_next = TraceEntry::kNone;
  if (entry.wheel_previous == TraceEntry::kNone) {
    buckets_[bucket] = trace;
  } else {
    traces_[entry.wheel_previous].wheel_next = trace;
  }
  lasts_[bucket] = trace;
  ++size_;
}

void TimingWheel::remove(std::uint32_t trace) {
  TraceEntry& entry = traces_[trace];
  if (entry.wheel_bucket == TraceEntry::kNone) return;
  if (entry.wheel_previous == TraceEntry::kNone) {
    buckets_[entry.wheel_bucket] = entry.wheel_next;
  } else {
    traces_[entry.wheel_previous].wheel_next = entry.wheel_next;
  }
  if (entry.wheel_next == TraceEntry::kNone) {
    lasts_[entry.wheel_bucket] = entry.wheel_previous;
  } else {
    traces_[entry.wheel_next].wheel_previous = entry.wheel_previous;
  }
  entry.wheel_bucket = TraceEntry::kNone;
  --size_;
}

void TimingWheel::take_due(std::uint64_t now_ns, std::vector<std::uint32_t>& due) {
  const std::uint64_t now_tick = now_ns >> kTickBits;
  if (now_tick < tick_) return;
  // After a long sleep one turn sees every bucket.
  const std::uint64_t ticks = std::min(now_tick - tick_ + 1, kBuckets);
  for (std::uint64_t i = 0; i < ticks && size_ != 0; ++i) {
    take_due_of((tick_ + i) % kBuckets, now_ns, due);
  }
  tick_ = now_tick;  // the bucket of this moment is looked at again
}

void TimingWheel::take_due_of(std::uint64_t bucket, std::uint64_t now_ns,
                              std::vector<std::uint32_t>& due) {
  for (std::uint32_t trace = buckets_[bucket]; trace != TraceEntry::kNone;) {
    const std::uint32_t next = traces_[trace].wheel_next;
    if (traces_[trace].due_ns <= now_ns) {
      remove(trace);
      due.push_back(trace);
    }
    trace = next;
  }
}

std::optional<std::uint64_t> TimingWheel::next_look() const {
  if (size_ == 0) return std::nullopt;
  for (std::uint64_t i = 0; i < kBuckets; ++i) {
    if (buckets_[(tick_ + i) % kBuckets] != TraceEntry::kNone) return (tick_ + i + 1) << kTickBits;
  }
  return std::nullopt;
}

}  // namespace kernspan::sampling
