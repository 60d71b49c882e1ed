// What the batch processor holds and when it is due, as plain state without threads or clocks.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "pipeline/otlp/batch.h"

namespace kernspan {

struct BatchSettings {
  std::size_t send_batch_size = 8192;                                 // 0: only the timeout counts
  std::chrono::nanoseconds timeout = std::chrono::milliseconds{200};  // 0: send at once
  std::size_t send_batch_max_size = 0;                                // 0: no bound
  // In bytes; 0: no bound. 4 MiB is what gRPC servers take unless told otherwise, this engine's and
  // upstream's receivers among them; a larger request is refused for good.
  std::size_t send_batch_max_bytes = 4 << 20;
};

class BatchPlan {
 public:
  using Time = std::chrono::nanoseconds;  // monotonic
  enum class Trigger { kNone, kSize, kTimeout };

  explicit BatchPlan(const BatchSettings& settings) : settings_(settings) {}

  void add(otlp::Batch batch, Time now);

  Trigger due(Time now) const;
  // When the timeout of what is held passes; nothing when nothing is held.
  std::optional<Time> next_due() const;

  // All that is held, merged.
  otlp::Batch take();
  std::size_t item_count() const { return held_.item_count(); }
  // Whether that batch fits into the one that is being collected. Any does when nothing is held.
  bool has_room_for(const otlp::Batch& batch) const;

 private:
  const BatchSettings settings_;
  otlp::Batch held_;
  Time first_{0};  // when the oldest span held came in
};

}  // namespace kernspan
