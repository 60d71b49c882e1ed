#pragma once

#include <atomic>
#include <cstdint>

#include "pipeline/otlp/span_index.h"
#include "pipeline/processors/tail_sampling/held_memory.h"

namespace kernspan::sampling {

// A received batch, indexed, alive as long as one of its spans is held: each span is one hold.
// Shards count their holds down, and the last one frees it.
class HeldRequest {
 public:
  // A batch of at least one span, copied into one piece with the index that rides with it.
  // `sequence` orders requests by arrival. Charged to `memory`, which outlives it.
  static HeldRequest* make(otlp::Batch batch, std::uint64_t sequence, HeldMemory& memory);

  const otlp::SpanIndex& index() const { return index_; }
  std::uint64_t sequence() const { return sequence_; }
  std::uint64_t bytes() const { return bytes_; }

  // Lets go of that many holds. Any thread; the caller does not use it any more with its last one.
  void release(std::uint32_t spans);

 private:
  HeldRequest(otlp::Batch& batch, std::uint64_t sequence, HeldMemory& memory);
  ~HeldRequest();

  const otlp::SpanIndex index_;
  const std::uint64_t sequence_;
  HeldMemory& memory_;
  std::uint64_t bytes_ = 0;
  std::atomic<std::uint32_t> holds_;
};

}  // namespace kernspan::sampling
