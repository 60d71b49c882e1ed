#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pipeline/processors/tail_sampling/trace_table.h"

namespace kernspan::sampling {

// The ids of traces that were decided, and how; the least recently used goes first. One thread.
class DecisionCache {
 public:
  static constexpr std::size_t kEntryBytes = 80;  // with its place in the hash table

  explicit DecisionCache(std::size_t capacity) : capacity_(capacity) {}

  bool enabled() const { return capacity_ != 0; }
  void put(const TraceId& id, const TraceDecision& decision);
  // Null when it is not there; valid until the next put(). Makes it the most recently used.
  const TraceDecision* find(const TraceId& id);

  std::size_t size() const { return by_id_.size(); }
  std::size_t capacity() const { return capacity_; }

  // Those that take() answers true for are not offered again, until the same trace is put in anew.
  template <typename Take>  // bool(const TraceId&, const TraceDecision&)
  void give(Take take) {
    for (Entry& entry : entries_) {
      if (!entry.is_given) entry.is_given = take(entry.id, entry.decision);
    }
  }

  template <typename Visit>  // (const TraceId&, const TraceDecision&)
  void for_each(Visit visit) const {
    for (const auto& [id, number] : by_id_) visit(id, entries_[number].decision);
  }

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;
  struct Entry {
    TraceId id;
    TraceDecision decision;
    std::uint32_t newer = kNone;
    std::uint32_t older = kNone;
    bool is_given = false;  // to the replica that owns the trace
  };

  void unlink(std::uint32_t number);
  void link_newest(std::uint32_t number);

  const std::size_t capacity_;
  std::vector<Entry> entries_;
  absl::flat_hash_map<TraceId, std::uint32_t, TraceIdHash> by_id_;
  std::uint32_t newest_ = kNone;
  std::uint32_t oldest_ = kNone;
};

}  // namespace kernspan::sampling
