#include "pipeline/exporters/sender/send_plan.h"

#include <algorithm>
#include <utility>

namespace kernspan {
namespace {

// Between attempts while draining: short against any shutdown deadline, long against a round trip.
constexpr std::chrono::milliseconds kDrainRetryInterval{200};

}  // namespace

SendPlan::SendPlan(const QueueSettings& queue, const RetrySettings& retry, Random random)
    : queue_(queue), retry_(retry), random_(std::move(random)) {}

std::uint64_t SendPlan::size_of(const otlp::Batch& batch) const {
  return size_of(1, batch.item_count(), batch.byte_count());
}

std::uint64_t SendPlan::size_of(std::uint64_t batches, std::uint64_t items,
                                std::uint64_t bytes) const {
  switch (queue_.sizer) {
    case QueueSizer::kItems:
      return items;
    case QueueSizer::kBytes:
      return bytes;
    case QueueSizer::kRequests:
      break;
  }
  return batches;
}

bool SendPlan::has_room_for(const otlp::Batch& batch) const {
  return size_ + size_of(batch) <= queue_.queue_size;
}

bool SendPlan::is_full() const {
  return size_ >= queue_.queue_size;
}

std::uint64_t SendPlan::batch_size_of(const otlp::Batch& batch) const {
  return queue_.batch.sizer == QueueSizer::kBytes ? batch.byte_count() : batch.item_count();
}

Attempt* SendPlan::add(otlp::Batch batch, SendWaiter* waiter, Time now) {
  Waiting& waiting = waiting_[static_cast<std::size_t>(batch.signal())];
  Attempt& attempt = waiting.attempts.emplace_back();
  attempt.size = size_of(batch);
  attempt.added = now;
  if (waiter != nullptr) attempt.waiters.push_back(waiter);
  size_ += attempt.size;
  waiting.size += batch_size_of(batch);
  attempt.batch = std::move(batch);
  return &attempt;
}

void SendPlan::add_stored(otlp::Batch batch, std::uint64_t record, Time now) {
  const std::uint64_t size = size_of(batch);
  Attempt* attempt = add(std::move(batch), nullptr, now);
  attempt->records.push_back(record);
  release(size);  // add() has counted it once more
}

bool SendPlan::wants_stored(Time now) const {
  if (active_.size() >= queue_.num_consumers) return false;
  return std::ranges::none_of(waiting_,
                              [&](const Waiting& waiting) { return is_ready(waiting, now); });
}

bool SendPlan::is_ready(const Waiting& waiting, Time now) const {
  if (waiting.attempts.empty()) return false;
  return !queue_.batch.enabled || draining_ || waiting.size >= queue_.batch.min_size ||
         waiting.attempts.front().added + queue_.batch.flush_timeout <= now;
}

const SendPlan::Waiting* SendPlan::first_waiting() const {
  const Waiting* first = nullptr;
  for (const Waiting& waiting : waiting_) {
    if (waiting.attempts.empty()) continue;
    if (first == nullptr || waiting.attempts.front().added < first->attempts.front().added) {
      first = &waiting;
    }
  }
  return first;
}

Attempt* SendPlan::activate(Waiting& waiting) {
  active_.splice(active_.end(), waiting.attempts, waiting.attempts.begin());
  Attempt& attempt = active_.back();
  waiting.size -= batch_size_of(attempt.batch);
  if (queue_.batch.enabled) join(waiting, attempt);
  return &attempt;
}

// Whole batches, up to min_size and never beyond max_size: one that is larger alone is cut when it
// is sent.
void SendPlan::join(Waiting& waiting, Attempt& first) {
  std::uint64_t joined = batch_size_of(first.batch);
  while (!waiting.attempts.empty()) {
    Attempt& next = waiting.attempts.front();
    const std::uint64_t next_size = batch_size_of(next.batch);
    const std::uint64_t max = queue_.batch.max_size;
    if (max == 0 ? joined >= queue_.batch.min_size : joined + next_size > max) return;
    joined += next_size;
    waiting.size -= next_size;
    first.batch.append(std::move(next.batch));
    first.size += next.size;
    first.records.insert(first.records.end(), next.records.begin(), next.records.end());
    first.waiters.insert(first.waiters.end(), next.waiters.begin(), next.waiters.end());
    waiting.attempts.pop_front();
  }
}

Attempt* SendPlan::take_due(Time now) {
  Attempt* found = nullptr;
  for (Attempt& attempt : active_) {
    if (!attempt.in_flight && attempt.due <= now &&
        (found == nullptr || attempt.due < found->due)) {
      found = &attempt;
    }
  }
  if (found == nullptr) {
    if (active_.size() >= queue_.num_consumers) return nullptr;
    Waiting* oldest = nullptr;
    for (Waiting& waiting : waiting_) {
      if (!is_ready(waiting, now)) continue;
      if (oldest == nullptr || waiting.attempts.front().added < oldest->attempts.front().added) {
        oldest = &waiting;
      }
    }
    if (oldest == nullptr) return nullptr;
    found = activate(*oldest);
    found->backoff = Backoff(retry_, now);
  }
  found->in_flight = true;
  ++in_flight_;
  return found;
}

SendPlan::Verdict SendPlan::finish(Attempt* attempt, const SendOutcome& outcome, Time now) {
  attempt->in_flight = false;
  --in_flight_;
  switch (outcome.kind) {
    case SendOutcome::Kind::kSent:
      return Verdict::kSent;
    case SendOutcome::Kind::kPermanent:
    case SendOutcome::Kind::kTooLarge:
      return Verdict::kFailed;
    case SendOutcome::Kind::kRetryable:
      break;
  }
  const auto wait = attempt->backoff.next(retry_, now, outcome.asked_delay, random_);
  if (!wait) return Verdict::kGaveUp;
  attempt->due = now + (draining_ ? std::min<Time>(*wait, kDrainRetryInterval) : *wait);
  return Verdict::kTryAgain;
}

Attempt SendPlan::remove(Attempt* attempt) {
  size_ -= attempt->size;
  Attempt removed = std::move(*attempt);
  const auto is_it = [&](const Attempt& other) { return &other == attempt; };
  if (active_.remove_if(is_it) != 0) return removed;
  Waiting& waiting = waiting_[static_cast<std::size_t>(removed.batch.signal())];
  waiting.size -= batch_size_of(removed.batch);
  waiting.attempts.remove_if(is_it);
  return removed;
}

void SendPlan::forget_idle() {
  for (Waiting& waiting : waiting_) waiting = {};
  active_.remove_if([](const Attempt& attempt) { return !attempt.in_flight; });
}

void SendPlan::begin_drain() {
  draining_ = true;
  for (Attempt& attempt : active_) attempt.due = Time{0};
}

Attempt* SendPlan::oldest_idle() {
  for (Attempt& attempt : active_) {
    if (!attempt.in_flight) return &attempt;
  }
  const Waiting* first = first_waiting();
  return first == nullptr ? nullptr : const_cast<Attempt*>(&first->attempts.front());
}

std::optional<SendPlan::Time> SendPlan::next_due() const {
  std::optional<Time> earliest;
  for (const Attempt& attempt : active_) {
    if (!attempt.in_flight && (!earliest || attempt.due < *earliest)) earliest = attempt.due;
  }
  if (!queue_.batch.enabled || active_.size() >= queue_.num_consumers) return earliest;
  if (const Waiting* first = first_waiting()) {
    const Time flush = first->attempts.front().added + queue_.batch.flush_timeout;
    if (!earliest || flush < *earliest) earliest = flush;
  }
  return earliest;
}

}  // namespace kernspan
