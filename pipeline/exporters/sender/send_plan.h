// What to send next and when: the queue and the retries of one exporter, as plain state without
// threads or clocks.
//
// With a queue on disk, `waiting` is filled from there when a consumer is free, and the sizes of what
// is on disk are reserved.
//
//   add() --> waiting --take_due()--> in flight --finish()--> sent, failed: gone
//                                         ^           |
//                                         |           v retryable, and time left
//                                         +------ backing off (keeps its place among num_consumers)
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>

#include "pipeline/exporters/sender/retry_policy.h"
#include "pipeline/exporters/sender/sender_settings.h"
#include "pipeline/exporters/sender/transport.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// A caller that waits for the end of its batch; lives in that caller's frame.
struct SendWaiter {
  bool done = false;
  Status result;
};

struct Attempt {
  otlp::Batch batch;
  SendWaiter* waiter = nullptr;  // null: nobody waits
  std::uint64_t record_id = 0;   // on disk; 0: the batch is in memory only
  Backoff backoff;
  bool tried = false;
  bool in_flight = false;
  std::chrono::nanoseconds due{0};  // when backing off
};

class SendPlan {
 public:
  using Time = std::chrono::nanoseconds;  // monotonic

  enum class Verdict {
    kSent,      // the attempt is over; remove() it
    kFailed,    // permanent: remove() it
    kGaveUp,    // retryable, but out of time or retries are off: remove() it
    kTryAgain,  // backing off until attempt.due
  };

  SendPlan(const QueueSettings& queue, const RetrySettings& retry, Random random);

  // In the unit of the sizer.
  std::uint64_t size_of(const otlp::Batch& batch) const;
  // Of several batches together.
  std::uint64_t size_of(std::uint64_t records, std::uint64_t items, std::uint64_t bytes) const;
  std::uint64_t size() const { return size_; }  // waiting, in flight and backing off
  bool fits_at_all(const otlp::Batch& batch) const { return size_of(batch) <= queue_.queue_size; }
  bool has_room_for(const otlp::Batch& batch) const;

  // The caller checked that there is room. Valid until remove().
  Attempt* add(otlp::Batch batch, SendWaiter* waiter);

  // For batches on disk: what they take of the queue.
  void reserve(std::uint64_t size) { size_ += size; }
  void release(std::uint64_t size) { size_ -= std::min(size, size_); }
  // Adds one that was read back; its size is reserved already.
  void add_stored(otlp::Batch batch, std::uint64_t record_id);
  // A consumer is free, and nothing waits in memory.
  bool wants_stored() const { return waiting_.empty() && active_.size() < queue_.num_consumers; }

  // The next attempt to begin now, marked as in flight; null when nothing is due or num_consumers
  // are busy. What has waited for its retry goes before what was never tried.
  Attempt* take_due(Time now);

  // Tells how an attempt in flight has ended.
  Verdict finish(Attempt* attempt, const SendOutcome& outcome, Time now);

  // Takes an attempt out; not while it is in flight.
  Attempt remove(Attempt* attempt);
  // Forgets all that are not in flight without giving back their sizes: they stay on disk.
  void forget_idle();

  // From now on waits are short: what is left should go out, or fail, before the end.
  void begin_drain();
  // The oldest attempt that is not in flight, for dropping; null when there is none.
  Attempt* oldest_idle();

  // When the next back-off ends; nothing when nothing is backing off.
  std::optional<Time> next_due() const;
  std::size_t in_flight() const { return in_flight_; }
  bool empty() const { return active_.empty() && waiting_.empty(); }

 private:
  const QueueSettings queue_;
  const RetrySettings retry_;
  const Random random_;
  std::list<Attempt> waiting_;  // in order of arrival
  std::list<Attempt> active_;   // in flight or backing off: at most num_consumers
  std::uint64_t size_ = 0;
  std::size_t in_flight_ = 0;
  bool draining_ = false;
};

}  // namespace kernspan
