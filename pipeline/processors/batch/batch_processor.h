// Type `batch`: merges small batches into large ones.
//
// Unlike upstream's, it loses nothing when the next consumer refuses: a batch that is refused with
// a retryable error stays and is offered again, and once kMaxHeldBatches full batches are held, new
// input is refused with a retryable error, so that the back-pressure reaches the receivers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "pipeline/component/factory.h"
#include "pipeline/processors/batch/batch_plan.h"

namespace kernspan {

ProcessorFactory batch_processor_factory();

// Books: a batch is held until the next consumer took it, or dropped by reason: permanent_error,
// shutdown.
class BatchProcessor final : public Processor {
 public:
  BatchProcessor(const ComponentContext& context, const BatchSettings& settings, Consumer& next);
  ~BatchProcessor() override;

  Status start() override;
  // Sends what it holds, offering it again until the deadline; the rest is dropped.
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;
  // Refuses while callers wait in vain: after one that did, until something has been passed on.
  Status admit(otlp::Signal signal, std::size_t bytes) override;

 private:
  using SteadyClock = std::chrono::steady_clock;
  enum class State { kIdle, kRunning, kDraining, kStopped };

  void run();
  bool wait_for_work(std::unique_lock<std::mutex>& lock);
  void move_due_to_outgoing();
  void cut_to_outgoing(otlp::Batch batch);
  void forget(const otlp::Batch& batch);
  Status refusal() const;
  void update_gauges();
  void offer_first(std::unique_lock<std::mutex>& lock);
  void drop_first(Counter& reason, const std::string& message);
  void release_first();
  std::chrono::nanoseconds now() const;

  const std::string path_;
  const BatchSettings settings_;
  const std::size_t max_held_spans_;
  const std::size_t max_held_bytes_;
  Consumer& next_;
  const Clock& clock_;

  StageBooks& books_;
  Counter& dropped_permanent_;
  Counter& dropped_shutdown_;
  Counter& size_triggers_;
  Counter& timeout_triggers_;
  Counter& sent_batches_;
  Counter& sent_spans_;
  Counter& sent_bytes_;
  Counter& offers_refused_;
  Counter& too_large_;
  Gauge& held_spans_gauge_;
  Gauge& held_bytes_gauge_;

  std::mutex mutex_;  // guards everything below; never held while the next consumer is called
  std::condition_variable work_;  // the thread's
  std::condition_variable room_;  // callers', which wait for less to be held
  BatchPlan plan_;
  std::deque<otlp::Batch> outgoing_;  // cut to size, oldest first; the thread offers the first
  std::size_t held_spans_ = 0;        // in plan_ and outgoing_
  std::size_t held_bytes_ = 0;        // likewise
  bool is_stuck_ = false;             // a caller has waited in vain since something was passed on
  std::chrono::nanoseconds retry_at_{0};
  std::chrono::nanoseconds retry_interval_;
  State state_ = State::kIdle;
  SteadyClock::time_point deadline_;
  std::thread thread_;
};

}  // namespace kernspan
