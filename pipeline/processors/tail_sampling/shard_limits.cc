// What a shard does when it holds as much as it may.
#include <algorithm>

#include "pipeline/processors/tail_sampling/shard.h"

namespace kernspan::sampling {

// Upstream's oldest trace goes, decided or not; here what is decided goes first.
bool Shard::make_room() {
  while (table_.size() >= max_traces_) {
    if (table_.oldest_decided() != TraceTable::kNone) {
      forget(table_.oldest_decided());
    } else if (settings_.block_on_overflow) {
      return false;
    } else if (settings_.decide_on_overflow) {
      decide(table_.oldest_pending(), Cause::kTraces);
    } else {
      end(table_.oldest_pending(), {}, Cause::kTooEarly);
    }
  }
  return true;
}

void Shard::relieve() {
  account();
  const std::uint64_t used = memory_.used();
  if (used <= memory_.soft_limit()) return;
  now_ns_ = clock_.monotonic_ns();
  const std::uint64_t excess = (used - memory_.soft_limit()) / shards_ + 1;
  std::uint64_t relieved = 0;
  while (relieved < excess && table_.pending_count() != 0) {
    Cause cause = Cause::kMemory;
    const std::uint32_t trace = next_to_relieve(cause);
    const TraceEntry& entry = table_[trace];
    relieved += entry.byte_count + TraceTable::kEntryBytes +
                entry.span_count * (sizeof(otlp::IndexedSpan) + sizeof(SpanRun));
    decide(trace, cause);
  }
  account();
}

std::uint32_t Shard::next_to_relieve(Cause& cause) const {
  if (giants_.empty()) return table_.oldest_pending();
  cause = Cause::kGiant;
  return *std::ranges::max_element(
      giants_, {}, [this](std::uint32_t trace) { return table_[trace].byte_count; });
}

// What the table and the caches take; requests account for themselves.
void Shard::account() {
  const std::uint64_t bytes =
      table_.byte_count() +
      (sampled_cache_.size() + non_sampled_cache_.size()) * DecisionCache::kEntryBytes;
  if (bytes >= charged_) {
    memory_.add(bytes - charged_);
  } else {
    memory_.subtract(charged_ - bytes);
  }
  charged_ = bytes;
}

}  // namespace kernspan::sampling
