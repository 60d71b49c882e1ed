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

std::uint64_t SendPlan::size_of(std::uint64_t records, std::uint64_t items,
                                std::uint64_t bytes) const {
  switch (queue_.sizer) {
    case QueueSizer::kItems:
      return items;
    case QueueSizer::kBytes:
      return bytes;
    case QueueSizer::kRequests:
      break;
  }
  return records;
}

bool SendPlan::has_room_for(const otlp::Batch& batch) const {
  return size_ + size_of(batch) <= queue_.queue_size;
}

Attempt* SendPlan::add(otlp::Batch batch, SendWaiter* waiter) {
  size_ += size_of(batch);
  Attempt& attempt = waiting_.emplace_back();
  attempt.batch = std::move(batch);
  attempt.waiter = waiter;
  return &attempt;
}

void SendPlan::add_stored(otlp::Batch batch, std::uint64_t record_id) {
  Attempt& attempt = waiting_.emplace_back();
  attempt.batch = std::move(batch);
  attempt.record_id = record_id;
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
    if (waiting_.empty() || active_.size() >= queue_.num_consumers) return nullptr;
    active_.splice(active_.end(), waiting_, waiting_.begin());
    found = &active_.back();
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
  size_ -= size_of(attempt->batch);
  Attempt removed = std::move(*attempt);
  for (std::list<Attempt>* list : {&active_, &waiting_}) {
    if (list->remove_if([&](const Attempt& other) { return &other == attempt; }) != 0) break;
  }
  return removed;
}

void SendPlan::forget_idle() {
  waiting_.clear();
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
  return waiting_.empty() ? nullptr : &waiting_.front();
}

std::optional<SendPlan::Time> SendPlan::next_due() const {
  std::optional<Time> earliest;
  for (const Attempt& attempt : active_) {
    if (!attempt.in_flight && (!earliest || attempt.due < *earliest)) earliest = attempt.due;
  }
  return earliest;
}

}  // namespace kernspan
