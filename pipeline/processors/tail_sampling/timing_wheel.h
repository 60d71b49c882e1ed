#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pipeline/processors/tail_sampling/trace_table.h"

namespace kernspan::sampling {

// When the pending traces of a shard are due. A ring of buckets of 8 ms; what is due later than one
// turn stays in its bucket for another. To put in, move and take out costs the same however many
// there are. One thread.
class TimingWheel {
 public:
  // The links are in the entries of `traces`, which outlives this.
  TimingWheel(TraceSlab& traces, std::uint64_t now_ns);

  // Sets due_ns of a trace that is not in the wheel, and puts it in.
  void insert(std::uint32_t trace, std::uint64_t due_ns);
  void remove(std::uint32_t trace);

  // Takes out what is due at `now_ns`, appended bucket by bucket.
  void take_due(std::uint64_t now_ns, std::vector<std::uint32_t>& due);

  // When to look again: not before anything is due, and at most a bucket's length after it.
  std::optional<std::uint64_t> next_look() const;

 private:
  static constexpr int kTickBits = 23;             // 8.4 ms
  static constexpr std::uint64_t kBuckets = 4096;  // a turn: 34 s, more than the default wait

  void take_due_of(std::uint64_t bucket, std::uint64_t now_ns, std::vector<std::uint32_t>& due);

  TraceSlab& traces_;
  std::vector<std::uint32_t> buckets_;  // the first of each
  std::vector<std::uint32_t> lasts_;
  std::uint64_t tick_;  // what is before it has been taken out
  std::uint64_t size_ = 0;
};

}  // namespace kernspan::sampling
