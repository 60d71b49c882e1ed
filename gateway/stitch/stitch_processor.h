// Type `stitch`: makes one trace of two that met over the wire. Spans of traces whose id is derived
// wait a little for the client span that announces them, take its trace id and go on; everything
// else goes on at once. See stitch_table.h for who waits for whom.
//
//   consume -> sort_out --plain--------------------------------------> next
//                       --derived, announcements--> door --> table --> write_ready -> next
//                                                    |        ^ time passes: the thread releases
//                                                    v
//                            the replica that owns the derived trace
//
// With `replicas` the spans of a derived trace and its announcement go to that trace's owner; what
// it makes of them goes on to the owner of the caller's trace, if that is derived as well.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
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
#include "pipeline/component/trace_door.h"
#include "pipeline/processors/span_dedup/seen_spans.h"

namespace kernspan::stitch {

ProcessorFactory stitch_processor_factory();

// Books: spans that wait are held. What the next component refuses is kept and offered again; when
// too much is, input with derived spans is refused. An announcement travels to another replica as a
// span that nobody took: it is booked as if from a peer where it is made, and as dropped,
// `announcement`, where it has arrived.
class StitchProcessor final : public Processor, private TraceHolder {
 public:
  // `replicas` may be null: then there are no others.
  StitchProcessor(const ComponentContext& context, const StitchSettings& settings, Consumer& next,
                  ReplicaRing* replicas = nullptr);
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

  // What the door lets in, and what it tells.
  Status room(const otlp::Batch& batch) override;
  void keep(otlp::Batch spans, const TraceHolder::Arrival& arrival) override;
  void keep_decided(std::span<const DecidedTrace> /*decided*/) override {}
  void look_at_ring() override;
  std::uint64_t looked_at() const override { return has_strays_ ? 0 : looked_at_.load(); }

  Status pass_plain(otlp::Batch batch);
  void add_spans(otlp::Batch derived, const SinceWhen& since = {});
  void add_announcements(std::vector<Announcement> announcements);
  void give_up_foreign(std::unique_lock<std::mutex>& lock);
  void tell_owners(const std::vector<Announcement>& announcements);
  void hand_over(std::vector<Ready> ready);
  void wake_before(std::optional<std::uint64_t> planned);

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
  Counter& dropped_announcements_;
  StitchCounters counters_;
  std::optional<SeenSpans> seen_;

  mutable std::mutex mutex_;  // guards everything below; not held while the next one is called
  std::condition_variable work_;
  std::shared_ptr<const TraceOwnership> ownership_;
  StitchTable table_;
  std::deque<otlp::Batch> pending_;  // refused by the next component, oldest first
  std::size_t pending_bytes_ = 0;
  std::uint64_t retry_at_ns_ = 0;
  std::chrono::nanoseconds retry_interval_;
  State state_ = State::kIdle;
  SteadyClock::time_point deadline_;
  bool ring_changed_ = false;
  std::thread thread_;

  std::atomic<std::uint64_t> looked_at_{0};  // the door's generation
  std::atomic<bool> has_strays_{false};      // something is held that its owner did not take
  TraceDoor door_;
  Metrics::Registration gauges_;  // last: its function looks at the above
};

}  // namespace kernspan::stitch
