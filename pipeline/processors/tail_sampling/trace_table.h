// The traces of one shard: those that are held until they are decided, and those that have been.
// One thread.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/hash/hash.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/processors/tail_sampling/held_request.h"
#include "pipeline/processors/tail_sampling/slab.h"
#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

enum class TraceStatus : std::uint8_t { kPending, kNotSampled, kSampled, kDropped };

// What was decided of a trace: all that its late spans need.
struct TraceDecision {
  TraceStatus status = TraceStatus::kNotSampled;
  double probability = 0;  // of a sampled one; 0: not known
};

// Held spans of one trace that lie next to each other in a request.
struct SpanRun {
  HeldRequest* request = nullptr;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};
static_assert(sizeof(SpanRun) == 16);

// Some runs of a trace, in one line of the processor's cache.
struct alignas(64) SpanChunk {
  static constexpr std::uint32_t kRuns = 3;

  std::array<SpanRun, kRuns> runs;
  std::uint32_t used = 0;
  std::uint32_t next = 0;
};
static_assert(sizeof(SpanChunk) == 64);
using SpanSlab = Slab<SpanChunk, &SpanChunk::next>;

struct TraceEntry {
  static constexpr std::uint32_t kNone = SpanSlab::kNone;

  TraceId id;
  std::uint64_t first_seen_ns = 0;
  std::uint64_t due_ns = 0;  // when it is to be decided; of a decided one: when it was
  std::uint64_t byte_count = 0;
  std::uint64_t span_count = 0;  // all that have come, held or not
  TraceDecision decision = {TraceStatus::kPending, 0};
  TraceFacts facts = {};
  std::uint32_t first_chunk = kNone;
  std::uint32_t last_chunk = kNone;
  // Neighbours in the list of its status, and in its bucket of the timing wheel.
  std::uint32_t previous = kNone;
  std::uint32_t next = kNone;
  std::uint32_t wheel_previous = kNone;
  std::uint32_t wheel_next = kNone;
  std::uint32_t wheel_bucket = kNone;
  bool is_giant = false;

  bool is_pending() const { return decision.status == TraceStatus::kPending; }
};
using TraceSlab = Slab<TraceEntry, &TraceEntry::next>;

// Seeded for each process: ids come from outside, and may have been made to collide.
struct TraceIdHash {
  std::size_t operator()(const TraceId& id) const {
    std::array<std::uint64_t, 2> halves;  // as numbers they are mixed without a call
    static_assert(sizeof halves == sizeof id.bytes);
    std::memcpy(halves.data(), id.bytes.data(), sizeof halves);
    return absl::HashOf(halves[0], halves[1]);
  }
};

class TraceTable {
 public:
  static constexpr std::uint32_t kNone = TraceSlab::kNone;
  // What an entry costs, its place in the hash table included.
  static constexpr std::size_t kEntryBytes = sizeof(TraceEntry) + 32;

  void reserve(std::size_t traces) { by_id_.reserve(traces); }

  std::uint32_t find(const TraceId& id) const;
  // A pending trace without spans. What has been seen earlier comes before what is there.
  std::uint32_t add(const TraceId& id, std::uint64_t first_seen_ns);
  // Takes over one hold of the request.
  void add_span(std::uint32_t trace, HeldRequest& request, std::uint32_t span);
  // With the one that was added last; null when it has none.
  const SpanRun* last_run(std::uint32_t trace) const {
    const std::uint32_t chunk = traces_[trace].last_chunk;
    return chunk == kNone ? nullptr : &chunks_[chunk].runs[chunks_[chunk].used - 1];
  }
  // Its held spans in order of arrival, appended.
  void read_spans(std::uint32_t trace, std::vector<SpanRun>& spans) const;
  // Forgets its spans; their holds are the caller's again.
  void clear_spans(std::uint32_t trace);

  // What will be looked at soon is fetched meanwhile: of some 100,000 traces hardly one is in the
  // processor's caches. In this order, some traces apart.
  void expect(const TraceId& id) const { by_id_.prefetch(id); }
  void expect_entry(std::uint32_t trace) const { traces_.prefetch(trace); }
  void expect_spans(std::uint32_t trace) const;
  // A trace without spans stays as decided, behind the other decided ones.
  void set_decided(std::uint32_t trace, const TraceDecision& decision);
  void remove(std::uint32_t trace);  // one without spans

  TraceEntry& operator[](std::uint32_t trace) { return traces_[trace]; }
  const TraceEntry& operator[](std::uint32_t trace) const { return traces_[trace]; }
  TraceSlab& slab() { return traces_; }

  std::size_t size() const { return traces_.size(); }
  std::size_t pending_count() const { return pending_.size; }
  std::size_t held_span_count() const { return held_spans_; }
  std::uint64_t byte_count() const {
    return traces_.size() * kEntryBytes + chunks_.size() * sizeof(SpanChunk);
  }

  // kNone when there is none. The next one in order of age is its `next`.
  std::uint32_t oldest_pending() const { return pending_.first; }
  std::uint32_t oldest_decided() const { return decided_.first; }

 private:
  struct List {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::size_t size = 0;
  };

  List& list_of(const TraceEntry& entry) { return entry.is_pending() ? pending_ : decided_; }
  void link_behind(List& list, std::uint32_t previous, std::uint32_t trace);
  void unlink(std::uint32_t trace);

  TraceSlab traces_;
  SpanSlab chunks_;
  std::size_t held_spans_ = 0;
  absl::flat_hash_map<TraceId, std::uint32_t, TraceIdHash> by_id_;
  List pending_;  // by first_seen_ns
  List decided_;  // in order of decision
};

}  // namespace kernspan::sampling
