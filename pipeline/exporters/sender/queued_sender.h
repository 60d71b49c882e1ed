// Queue, accounting, retry and timeout around a Transport: what every exporter that talks to a peer
// is made of. One thread decides what goes out when; attempts run side by side in the transport.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/component/factory.h"
#include "pipeline/component/storage.h"
#include "pipeline/exporters/sender/send_counters.h"
#include "pipeline/exporters/sender/send_plan.h"
#include "pipeline/exporters/sender/sender_settings.h"
#include "pipeline/exporters/sender/transport.h"

namespace kernspan {

// Books: a batch is taken when it enters the queue (with wait_for_result, or without a queue: when
// it was sent), held until its end, then passed on or dropped by reason: rejected_by_peer (partial
// success), too_large (an item that the peer refuses for its size), permanent_error,
// retries_exhausted, shutdown. Of a batch that somebody waits for and whose parts fared differently
// the caller hears success: what failed of it is dropped here.
//
// With storage a batch is taken when it is on disk, and read back when a consumer is free; only what
// is being sent is in memory. What an earlier process left is recovered. Its record goes when the
// batch has ended; what has not ended by stop() stays on disk, and in the books as held. Damaged
// records are dropped as corrupt_record, those that a damaged file has lost as storage_lost.
class QueuedSender final : public Exporter {
 public:
  // Fails when the queue's storage is not among the service's extensions.
  static Result<std::unique_ptr<Exporter>> create(const ComponentContext& context,
                                                  const SenderSettings& settings,
                                                  std::unique_ptr<Transport> transport);
  // As create(), but a storage that does not exist fails start().
  QueuedSender(const ComponentContext& context, const SenderSettings& settings,
               std::unique_ptr<Transport> transport);
  ~QueuedSender() override;

  Status start() override;
  // Sends what it holds, trying again in short intervals, until the deadline; the rest is dropped.
  // With storage only attempts in flight are waited for.
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread. A full queue is a retryable error; with block_on_overflow it is one after a wait.
  Status consume(otlp::Batch batch) override { return take(batch); }
  // Refuses while the queue is full, unless callers may wait for room.
  Status admit(otlp::Signal signal, std::size_t bytes) override;

  // For exporters made of several senders that share their books (load_balancing). Not with
  // storage; the last two not when callers wait for results.
  enum class Room { kThere, kFull, kNever };
  Room room_for(const otlp::Batch& batch);
  // As consume(), but a batch that is refused stays with the caller.
  Status take(otlp::Batch& batch);
  // Takes a batch whether or not there is room. `is_held`: another sender had taken it, and it is
  // in the books. False: not running.
  bool adopt(otlp::Batch& batch, bool is_held);
  // In place of stop(): sends nothing any more, waits for the attempts in flight until the deadline
  // and gives back what was not sent, which stays in the books as held.
  std::vector<otlp::Batch> surrender(std::chrono::steady_clock::time_point deadline);
  // Brings the deadline of a surrender forward. Any thread.
  void hasten(std::chrono::steady_clock::time_point deadline);

 private:
  using SteadyClock = std::chrono::steady_clock;
  enum class State { kIdle, kRunning, kDraining, kSurrendering, kStopped };

  void run();
  bool wait_for_attempts(std::unique_lock<std::mutex>& lock);
  std::unique_lock<std::mutex> begin_due_attempts(std::unique_lock<std::mutex> lock);
  void on_done(Attempt* attempt, const SendOutcome& outcome);
  Status wait_for_room(std::unique_lock<std::mutex>& lock, const otlp::Batch& batch);
  Status open_stored();
  Status store(std::unique_lock<std::mutex> lock, const otlp::Batch& batch);
  bool wants_to_read() const;
  std::unique_lock<std::mutex> read_stored(std::unique_lock<std::mutex> lock);
  void take_stored(StoredBatch record);
  void count_lost();
  void close_stored();
  Status refuse(const otlp::Batch& batch, Error error);
  void settle(Attempt& attempt, std::size_t items, const SendOutcome& outcome);
  void keep_rest(Attempt& attempt, const SendOutcome& outcome);
  void answer_waiters(Attempt& attempt, const Status& result);
  void end(Attempt attempt, SendPlan::Verdict verdict, const SendOutcome& outcome);
  void drop(Attempt attempt, Counter& reason, const std::string& message);
  void drop_idle();
  void enqueue(otlp::Batch& batch, SendWaiter* waiter);
  void update_gauges();
  std::chrono::nanoseconds now() const;

  const std::string path_;
  const SenderSettings settings_;
  const bool callers_wait_;
  StorageExtension* const storage_;  // null: the queue is in memory, or start() fails
  const std::unique_ptr<Transport> transport_;
  const Clock& clock_;

  StageBooks& books_;
  Counter& dropped_rejected_;
  Counter& dropped_too_large_;
  Counter& dropped_permanent_;
  Counter& dropped_retries_;
  Counter& dropped_shutdown_;
  const SendCountersBySignal items_;
  Counter& retries_;
  Gauge& queue_size_;
  Gauge& in_flight_requests_;
  Histogram& enqueue_size_;
  Histogram& enqueue_bytes_;
  Histogram& batch_size_;
  Histogram& batch_bytes_;

  std::mutex mutex_;              // guards everything below
  std::condition_variable work_;  // the thread's: something was added, has ended, or must stop
  std::condition_variable room_;  // callers': the queue has shrunk, or a waiter is done
  SendPlan plan_;
  State state_ = State::kIdle;
  SteadyClock::time_point deadline_;
  bool cancelled_ = false;
  std::thread thread_;

  // With storage; calls to it are made without the lock, where they wait for the disk.
  std::unique_ptr<DurableQueue> stored_;
  struct {
    std::int64_t records = 0;
    std::int64_t items = 0;
    std::int64_t bytes = 0;
  } unread_;  // on disk; signed, because a record may be read back before its caller counted it
  std::size_t appending_ = 0;               // callers that wait for the disk
  std::chrono::nanoseconds read_again_{0};  // after the disk could not be read
};

}  // namespace kernspan
