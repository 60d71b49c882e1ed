// The part of QueuedSender for exporters that are made of several of them.
#include <utility>

#include "pipeline/exporters/sender/queued_sender.h"

namespace kernspan {

QueuedSender::Room QueuedSender::room_for(const otlp::Batch& batch) {
  const std::scoped_lock lock(mutex_);
  if (!plan_.fits_at_all(batch)) return Room::kNever;
  return plan_.has_room_for(batch) ? Room::kThere : Room::kFull;
}

bool QueuedSender::adopt(otlp::Batch& batch, bool is_held) {
  batch.drop_index();
  const std::scoped_lock lock(mutex_);
  if (state_ != State::kRunning) return false;
  if (!is_held) {
    books_.take(batch.item_count());
    books_.hold(batch.item_count());
  }
  enqueue(batch, nullptr);
  return true;
}

std::vector<otlp::Batch> QueuedSender::surrender(SteadyClock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (state_ != State::kRunning) return {};
    state_ = State::kSurrendering;
    deadline_ = deadline;
    work_.notify_all();
    room_.notify_all();
  }
  thread_.join();
  transport_->stop();
  const std::scoped_lock lock(mutex_);
  state_ = State::kStopped;
  std::vector<otlp::Batch> batches;
  while (Attempt* attempt = plan_.oldest_idle()) {
    batches.push_back(std::move(plan_.remove(attempt).batch));
  }
  update_gauges();
  return batches;
}

void QueuedSender::hasten(SteadyClock::time_point deadline) {
  const std::scoped_lock lock(mutex_);
  if (state_ != State::kSurrendering || deadline >= deadline_) return;
  deadline_ = deadline;
  work_.notify_all();
}

}  // namespace kernspan
