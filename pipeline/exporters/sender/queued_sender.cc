#include "pipeline/exporters/sender/queued_sender.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/exporters/sender/splitting_transport.h"

namespace kernspan {
namespace {

using std::chrono::nanoseconds;

// A caller that waits for room may hold a network call and a thread of a receiver: it is sent away
// after the time that callers commonly allow.
constexpr std::chrono::seconds kMaxBlock{5};

Random system_random() {
  return [engine = std::mt19937_64(std::random_device{}())]() mutable {
    return std::uniform_real_distribution<double>(0, 1)(engine);
  };
}

// Without a queue every caller's batch is under way at once: there are only as many as callers.
QueueSettings effective(QueueSettings queue) {
  if (!queue.enabled) {
    queue.num_consumers = std::numeric_limits<std::uint32_t>::max();
    queue.queue_size = std::numeric_limits<std::uint64_t>::max();
    queue.batch.enabled = false;
  }
  return queue;
}

RequestLimits limits_of(const SenderSettings& settings) {
  RequestLimits limits{.max_bytes = settings.max_request_bytes};
  const QueueBatchSettings& batch = settings.queue.batch;
  if (!settings.queue.enabled || !batch.enabled || batch.max_size == 0) return limits;
  if (batch.sizer == QueueSizer::kItems) {
    limits.max_items = batch.max_size;
  } else if (limits.max_bytes == 0 || batch.max_size < limits.max_bytes) {
    limits.max_bytes = batch.max_size;
  }
  return limits;
}

StorageExtension* find_storage(const ComponentContext& context, const SenderSettings& settings) {
  if (settings.queue.storage.empty()) return nullptr;
  return context.extensions.find<StorageExtension>(settings.queue.storage);
}

}  // namespace

Result<std::unique_ptr<Exporter>> QueuedSender::create(const ComponentContext& context,
                                                       const SenderSettings& settings,
                                                       std::unique_ptr<Transport> transport) {
  const QueueSettings& queue = settings.queue;
  if (!queue.storage.empty() && find_storage(context, settings) == nullptr) {
    return permanent(fmt::format(
        "{}: {}::sending_queue::storage: no storage client extension found: \"{}\" is not a "
        "storage "
        "that service::extensions lists; add it to extensions and to service::extensions",
        queue.storage_position.to_string(), context.path, queue.storage));
  }
  return std::make_unique<QueuedSender>(context, settings, std::move(transport));
}

QueuedSender::QueuedSender(const ComponentContext& context, const SenderSettings& settings,
                           std::unique_ptr<Transport> transport)
    : path_(context.path),
      settings_{.timeout = settings.timeout,
                .retry = settings.retry,
                .queue = effective(settings.queue),
                .max_request_bytes = settings.max_request_bytes},
      callers_wait_(!settings.queue.enabled || settings.queue.wait_for_result),
      storage_(find_storage(context, settings)),
      transport_(std::make_unique<SplittingTransport>(std::move(transport), limits_of(settings))),
      clock_(context.clock),
      books_(context.books),
      dropped_rejected_(books_.dropped("rejected_by_peer")),
      dropped_too_large_(books_.dropped("too_large")),
      dropped_permanent_(books_.dropped("permanent_error")),
      dropped_retries_(books_.dropped("retries_exhausted")),
      dropped_shutdown_(books_.dropped("shutdown")),
      items_(context),
      retries_(context.metrics.counter("kernspan_exporter_retries",
                                       "Attempts that failed and were tried again.",
                                       {{"exporter", context.id}})),
      queue_size_(context.metrics.gauge("otelcol_exporter_queue_size",
                                        "What the sending queue holds, in the unit of its sizer.",
                                        {{"exporter", context.id}})),
      in_flight_requests_(context.metrics.gauge("otelcol_exporter_in_flight_requests",
                                                "Requests that wait for the peer's answer.",
                                                {{"exporter", context.id}})),
      enqueue_size_(context.metrics.histogram("otelcol_exporter_enqueue_size",
                                              "Items in what entered the sending queue.",
                                              item_count_bounds(), {{"exporter", context.id}})),
      enqueue_bytes_(context.metrics.histogram("otelcol_exporter_enqueue_size_bytes",
                                               "Bytes of what entered the sending queue.",
                                               byte_count_bounds(), {{"exporter", context.id}})),
      batch_size_(context.metrics.histogram("otelcol_exporter_queue_batch_send_size",
                                            "Items in what left the sending queue.",
                                            item_count_bounds(), {{"exporter", context.id}})),
      batch_bytes_(context.metrics.histogram("otelcol_exporter_queue_batch_send_size_bytes",
                                             "Bytes of what left the sending queue.",
                                             byte_count_bounds(), {{"exporter", context.id}})),
      plan_(settings_.queue, settings_.retry, system_random()) {
  if (settings.queue.enabled) {
    context.metrics
        .gauge("otelcol_exporter_queue_capacity",
               "What the sending queue can hold, in the unit of its sizer.",
               {{"exporter", context.id}})
        .set(static_cast<double>(settings.queue.queue_size));
  }
}

QueuedSender::~QueuedSender() {
  stop(SteadyClock::now());
}

nanoseconds QueuedSender::now() const {
  return nanoseconds(static_cast<nanoseconds::rep>(clock_.monotonic_ns()));
}

Status QueuedSender::start() {
  if (Status opened = open_stored(); !opened) return opened;
  if (Status started = transport_->start(); !started) return started;
  const std::scoped_lock lock(mutex_);
  state_ = State::kRunning;
  thread_ = std::thread([this] { run(); });
  return {};
}

void QueuedSender::stop(SteadyClock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kIdle || state_ == State::kStopped) {
      state_ = State::kStopped;
      return;
    }
    state_ = State::kDraining;
    deadline_ = deadline;
    if (stored_ == nullptr) {
      plan_.begin_drain();
    } else {
      plan_.forget_idle();
    }
    work_.notify_all();
    room_.notify_all();
  }
  thread_.join();
  transport_->stop();
  close_stored();
  const std::scoped_lock lock(mutex_);
  state_ = State::kStopped;
}

Status QueuedSender::refuse(const otlp::Batch& batch, Error error) {
  books_.refuse(batch.item_count());
  items_[batch.signal()].enqueue_failed->add(batch.item_count());
  return std::unexpected(std::move(error));
}

Status QueuedSender::wait_for_room(std::unique_lock<std::mutex>& lock, const otlp::Batch& batch) {
  const auto can_go_on = [&] { return state_ != State::kRunning || plan_.has_room_for(batch); };
  if (settings_.queue.block_on_overflow) room_.wait_for(lock, kMaxBlock, can_go_on);
  if (state_ != State::kRunning) return retryable(path_ + " is not running");
  if (!plan_.has_room_for(batch)) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: sending queue is full, refused {} {}", path_,
                         batch.item_count(), items_of(batch.signal()));
    return retryable(path_ + ": sending queue is full");
  }
  return {};
}

Status QueuedSender::admit(otlp::Signal, std::size_t) {
  if (settings_.queue.block_on_overflow) return {};
  const std::scoped_lock lock(mutex_);
  return plan_.is_full() ? retryable(path_ + ": sending queue is full") : Status();
}

Status QueuedSender::take(otlp::Batch& batch) {
  if (batch.empty()) return {};
  batch.drop_index();  // of no use here, and not in the queue's size
  std::unique_lock lock(mutex_);
  if (!plan_.fits_at_all(batch)) {
    return refuse(batch, {ErrorKind::kPermanent,
                          path_ + ": a batch is larger than the whole sending queue: raise "
                                  "sending_queue::queue_size"});
  }
  if (Status room = wait_for_room(lock, batch); !room) return refuse(batch, room.error());

  if (stored_ != nullptr) return store(std::move(lock), batch);

  SendWaiter waiter;
  if (!callers_wait_) {
    books_.take(batch.item_count());
    books_.hold(batch.item_count());
  }
  enqueue(batch, callers_wait_ ? &waiter : nullptr);
  if (!callers_wait_) return {};
  room_.wait(lock, [&] { return waiter.done; });
  return waiter.result;
}

void QueuedSender::enqueue(otlp::Batch& batch, SendWaiter* waiter) {
  enqueue_size_.observe(static_cast<double>(batch.item_count()));
  enqueue_bytes_.observe(static_cast<double>(batch.byte_count()));
  plan_.add(std::move(batch), waiter, now());
  update_gauges();
  work_.notify_one();
}

void QueuedSender::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (state_ == State::kSurrendering) {
      if (wait_for_attempts(lock)) return;
      continue;
    }
    lock = read_stored(std::move(lock));
    lock = begin_due_attempts(std::move(lock));
    if (state_ == State::kDraining) {
      if (plan_.empty()) return;
      if (SteadyClock::now() >= deadline_) {
        drop_idle();
        if (wait_for_attempts(lock) && plan_.empty()) return;
        continue;
      }
    }
    std::optional<nanoseconds> wait;
    if (const auto due = plan_.next_due()) wait = *due - now();
    if (wants_to_read()) {
      const nanoseconds left = read_again_ - now();
      if (left <= nanoseconds{0}) continue;
      wait = wait ? std::min(*wait, left) : left;
    }
    if (state_ == State::kDraining) {
      const nanoseconds left = deadline_ - SteadyClock::now();
      wait = wait ? std::min(*wait, left) : left;
    }
    if (wait) {
      work_.wait_for(lock, std::max(*wait, nanoseconds{0}));
    } else {
      work_.wait(lock);
    }
  }
}

// True when none is in flight. Behind the deadline they are cancelled, and every attempt ends once
// it was.
bool QueuedSender::wait_for_attempts(std::unique_lock<std::mutex>& lock) {
  if (plan_.in_flight() == 0) return true;
  if (SteadyClock::now() < deadline_) {
    work_.wait_until(lock, deadline_);
  } else if (!cancelled_) {
    cancelled_ = true;
    lock.unlock();
    transport_->cancel_all();
    lock.lock();
  } else {
    work_.wait(lock);
  }
  return plan_.in_flight() == 0;
}

std::unique_lock<std::mutex> QueuedSender::begin_due_attempts(std::unique_lock<std::mutex> lock) {
  while (!cancelled_ && state_ != State::kSurrendering) {
    Attempt* attempt = plan_.take_due(now());
    if (attempt == nullptr) break;
    update_gauges();
    batch_size_.observe(static_cast<double>(attempt->batch.item_count()));
    batch_bytes_.observe(static_cast<double>(attempt->batch.byte_count()));
    // The transport may answer from within send().
    lock.unlock();
    transport_->send(attempt->batch, settings_.timeout,
                     [this, attempt](SendOutcome outcome) { on_done(attempt, outcome); });
    lock.lock();
  }
  return lock;
}

void QueuedSender::on_done(Attempt* attempt, const SendOutcome& outcome) {
  const std::scoped_lock lock(mutex_);
  if (outcome.rest != nullptr) keep_rest(*attempt, outcome);
  SendPlan::Verdict verdict = plan_.finish(attempt, outcome, now());
  // It is given back, whatever its retries.
  if (state_ == State::kSurrendering && verdict == SendPlan::Verdict::kGaveUp) {
    verdict = SendPlan::Verdict::kTryAgain;
  }
  if (stored_ != nullptr && state_ == State::kDraining &&
      outcome.kind == SendOutcome::Kind::kRetryable) {
    plan_.forget_idle();  // it stays on disk
  } else if (verdict == SendPlan::Verdict::kTryAgain) {
    retries_.add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: sending {} {} failed, will try again: {}", path_,
                         attempt->batch.item_count(), items_of(attempt->batch.signal()),
                         outcome.message);
  } else {
    end(plan_.remove(attempt), verdict, outcome);
  }
  update_gauges();
  work_.notify_one();
}

// A part of the batch is settled, the rest goes on as the batch.
void QueuedSender::keep_rest(Attempt& attempt, const SendOutcome& outcome) {
  const std::size_t all = attempt.batch.item_count();
  const std::size_t left = std::min(outcome.rest->item_count(), all);
  settle(attempt, all - left, outcome);
  attempt.batch = std::move(*outcome.rest);
  attempt.partly_settled = true;
}

// Books `items` of the attempt as answered for by the peer.
void QueuedSender::settle(Attempt& attempt, std::size_t items, const SendOutcome& outcome) {
  const SendCounters& counters = items_[attempt.batch.signal()];
  const std::size_t too_large = std::min(outcome.too_large_items, items);
  const std::size_t permanent = std::min(outcome.permanent_items, items - too_large);
  const std::size_t sent = items - too_large - permanent;
  const std::size_t rejected = std::min(outcome.rejected_spans, sent);
  if (callers_wait_) {
    books_.take(items);
  } else {
    books_.release(items);
  }
  counters.sent->add(sent);
  books_.pass_on(sent - rejected);
  if (too_large != 0) {
    counters.send_failed->add(too_large);
    dropped_too_large_.add(too_large);
    KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} {}: too large for the peer even alone: {}", path_,
                         too_large, items_of(attempt.batch.signal()), outcome.message);
  }
  if (permanent != 0) {
    counters.send_failed->add(permanent);
    dropped_permanent_.add(permanent);
    KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} {}: {}", path_, permanent,
                         items_of(attempt.batch.signal()), outcome.message);
  }
  if (rejected != 0) {
    counters.rejected->add(rejected);
    dropped_rejected_.add(rejected);
    KERNSPAN_LOG_LIMITED(kWarn, "{}: the peer rejected {} of {} {}: {}", path_, rejected, sent,
                         items_of(attempt.batch.signal()), outcome.message);
  }
}

void QueuedSender::end(Attempt attempt, SendPlan::Verdict verdict, const SendOutcome& outcome) {
  for (const std::uint64_t record : attempt.records) stored_->remove(record);
  if (verdict == SendPlan::Verdict::kFailed) {
    drop(std::move(attempt), dropped_permanent_, outcome.message);
    return;
  }
  if (verdict == SendPlan::Verdict::kGaveUp) {
    drop(std::move(attempt), cancelled_ ? dropped_shutdown_ : dropped_retries_, outcome.message);
    return;
  }
  const std::size_t items = attempt.batch.item_count();
  if (outcome.too_large_items >= items) {
    drop(std::move(attempt), dropped_too_large_,
         "too large for the peer even alone: " + outcome.message);
    return;
  }
  settle(attempt, items, outcome);
  answer_waiters(attempt, {});
}

void QueuedSender::answer_waiters(Attempt& attempt, const Status& result) {
  for (SendWaiter* waiter : attempt.waiters) {
    waiter->result = result;
    waiter->done = true;
  }
  room_.notify_all();
}

// A batch that somebody waits for was never taken: its caller keeps it, and counts it; unless a part
// of it is gone already.
void QueuedSender::drop(Attempt attempt, Counter& reason, const std::string& message) {
  const std::size_t items = attempt.batch.item_count();
  items_[attempt.batch.signal()].send_failed->add(items);
  if (callers_wait_ && !attempt.partly_settled) {
    books_.refuse(items);
    const bool may_succeed_later = &reason == &dropped_retries_ || &reason == &dropped_shutdown_;
    answer_waiters(attempt, std::unexpected(Error{
                                may_succeed_later ? ErrorKind::kRetryable : ErrorKind::kPermanent,
                                fmt::format("{}: {}", path_, message)}));
    return;
  }
  if (callers_wait_) {
    books_.take(items);
  } else {
    books_.release(items);
  }
  reason.add(items);
  KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} {}: {}", path_, items,
                       items_of(attempt.batch.signal()), message);
  answer_waiters(attempt, {});
}

void QueuedSender::drop_idle() {
  while (Attempt* attempt = plan_.oldest_idle()) {
    drop(plan_.remove(attempt), dropped_shutdown_, "not sent before the shutdown's deadline");
  }
  update_gauges();
}

void QueuedSender::update_gauges() {
  queue_size_.set(static_cast<double>(plan_.size()));
  in_flight_requests_.set(static_cast<double>(plan_.in_flight()));
}

}  // namespace kernspan
