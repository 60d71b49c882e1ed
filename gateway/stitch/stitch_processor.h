// Type `stitch`: makes one trace of two that met over the wire. Spans of traces whose id is derived
// wait a little for the client span that announces them, take its trace id and go on; everything
// else goes on at once. See stitch_table.h for who waits for whom.
//
//   consume -> sort_out --plain------------------------------> next
//                       --derived, announcements--> table --> write_ready -> next
//                                                     ^ time passes: the thread releases
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gateway/stitch/intake.h"
#include "gateway/stitch/stitch_counters.h"
#include "gateway/stitch/stitch_settings.h"
#include "gateway/stitch/stitch_table.h"
#include "pipeline/component/factory.h"
#include "pipeline/processors/span_dedup/seen_spans.h"

namespace kernspan::stitch {

ProcessorFactory stitch_processor_factory();

// Books: spans that wait are held. What the next component refuses is kept and offered again; when
// too much is, input with derived spans is refused.
class StitchProcessor final : public Processor {
 public:
  StitchProcessor(const ComponentContext& context, const StitchSettings& settings, Consumer& next);
  ~StitchProcessor() override;

  Status start() override;
  // Releases what waits, and offers it until the deadline; the rest is dropped.
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  using SteadyClock = std::chrono::steady_clock;
  enum class State { kIdle, kRunning, kDraining, kStopped };

  Status room() const;
  Status pass_plain(otlp::Batch batch);
  void keep(otlp::Batch derived, const std::vector<Announcement>& announcements);
  void deliver(std::vector<Ready> ready);
  void send(otlp::Batch batch);
  void run();
  std::optional<std::uint64_t> next_wake() const;
  void offer_pending(std::unique_lock<std::mutex>& lock);
  void drop(std::size_t spans, Counter& reason, const std::string& message);
  void forget_first();
  void collect(std::vector<MetricFamily>& families) const;

  const std::string path_;
  const StitchSettings settings_;
  const MetricLabels labels_;
  Consumer& next_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& dropped_permanent_;
  Counter& dropped_shutdown_;
  Counter& dropped_duplicates_;
  StitchCounters counters_;
  std::optional<SeenSpans> seen_;

  mutable std::mutex mutex_;  // guards everything below; not held while the next one is called
  std::condition_variable work_;
  StitchTable table_;
  std::deque<otlp::Batch> pending_;  // refused by the next component, oldest first
  std::size_t pending_bytes_ = 0;
  std::uint64_t retry_at_ns_ = 0;
  std::chrono::nanoseconds retry_interval_;
  State state_ = State::kIdle;
  SteadyClock::time_point deadline_;
  std::thread thread_;

  Metrics::Registration gauges_;  // last: its function looks at the above
};

}  // namespace kernspan::stitch
