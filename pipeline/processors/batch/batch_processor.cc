#include "pipeline/processors/batch/batch_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/otlp/split.h"

namespace kernspan {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Enough to ride out a second of a full exporter queue, little enough for an agent's memory:
// 4 batches of 8192 spans of 700 bytes are 23 MB.
constexpr std::size_t kMaxHeldBatches = 4;
// The next consumer is in the same process: a refusal means a full queue, which empties soon.
constexpr milliseconds kFirstRetry{10};
constexpr milliseconds kMaxRetry{1000};

std::size_t max_held_spans(const BatchSettings& settings) {
  const std::size_t batch = std::max(
      {settings.send_batch_size, settings.send_batch_max_size, BatchSettings().send_batch_size});
  return batch > std::numeric_limits<std::size_t>::max() / kMaxHeldBatches
             ? std::numeric_limits<std::size_t>::max()
             : kMaxHeldBatches * batch;
}

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  constexpr std::size_t kMaxBatchSize = 100'000'000;
  BatchSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  reader.integer<std::size_t>("send_batch_size", &settings.send_batch_size, 0, kMaxBatchSize);
  reader.integer<std::size_t>("send_batch_max_size", &settings.send_batch_max_size, 0,
                              kMaxBatchSize);
  reader.duration("timeout", &settings.timeout);
  if (settings.send_batch_max_size != 0 &&
      settings.send_batch_max_size < settings.send_batch_size) {
    reader.error("send_batch_max_size", "must not be smaller than send_batch_size; 0 is no bound");
  }
  if (reader.node("metadata_keys") != nullptr) {
    reader.error("metadata_keys", "is not supported yet: remove the key");
  }
  reader.ignored("metadata_cardinality_limit", "it belongs to metadata_keys");
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<BatchProcessor>(context, settings, next);
}

Counter& counter(const ComponentContext& context, std::string_view name, std::string_view help) {
  return context.metrics.counter(name, help,
                                 {{"processor", context.id}, {"pipeline", context.pipeline}});
}

}  // namespace

BatchProcessor::BatchProcessor(const ComponentContext& context, const BatchSettings& settings,
                               Consumer& next)
    : path_(context.path),
      settings_(settings),
      max_held_spans_(max_held_spans(settings)),
      next_(next),
      clock_(context.clock),
      books_(context.books),
      dropped_permanent_(books_.dropped("permanent_error")),
      dropped_shutdown_(books_.dropped("shutdown")),
      size_triggers_(counter(context, "otelcol_processor_batch_batch_size_trigger_send",
                             "Batches sent because they were large enough.")),
      timeout_triggers_(counter(context, "otelcol_processor_batch_timeout_trigger_send",
                                "Batches sent because the timeout had passed.")),
      sent_batches_(counter(context, "otelcol_processor_batch_batch_send_size_count",
                            "Batches that the next component took.")),
      sent_spans_(counter(context, "otelcol_processor_batch_batch_send_size_sum",
                          "Spans in batches that the next component took.")),
      sent_bytes_(counter(context, "otelcol_processor_batch_batch_send_size_bytes_sum",
                          "Bytes of batches that the next component took.")),
      offers_refused_(counter(context, "kernspan_processor_batch_offers_refused",
                              "Times that the next component refused a batch, which was kept.")),
      plan_(settings),
      retry_interval_(kFirstRetry) {}

BatchProcessor::~BatchProcessor() {
  stop(SteadyClock::now());
}

nanoseconds BatchProcessor::now() const {
  return nanoseconds(static_cast<nanoseconds::rep>(clock_.monotonic_ns()));
}

Status BatchProcessor::start() {
  const std::scoped_lock lock(mutex_);
  state_ = State::kRunning;
  thread_ = std::thread([this] { run(); });
  return {};
}

void BatchProcessor::stop(SteadyClock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kIdle || state_ == State::kStopped) {
      state_ = State::kStopped;
      return;
    }
    state_ = State::kDraining;
    deadline_ = deadline;
    work_.notify_all();
  }
  thread_.join();
  const std::scoped_lock lock(mutex_);
  state_ = State::kStopped;
}

Status BatchProcessor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  if (spans == 0) return {};
  const std::scoped_lock lock(mutex_);
  if (state_ != State::kRunning) {
    books_.refuse(spans);
    return retryable(path_ + " is not running");
  }
  // A batch that is larger than the bound is taken when nothing else is held.
  if (held_spans_ != 0 && spans > max_held_spans_ - std::min(max_held_spans_, held_spans_)) {
    books_.refuse(spans);
    return retryable(path_ + ": the next component does not take batches, and this one is full");
  }
  books_.take(spans);
  books_.hold(spans);
  held_spans_ += spans;
  // What is collected goes first where the two together would have to be cut: cutting copies every byte.
  const std::size_t max = settings_.send_batch_max_size;
  if (max != 0 && plan_.item_count() != 0 && plan_.item_count() + spans > max) {
    size_triggers_.add();
    outgoing_.push_back(plan_.take());
    work_.notify_one();
  }
  const bool was_empty = plan_.item_count() == 0;
  plan_.add(std::move(batch), now());
  // The thread already waits for the timeout of an older batch.
  if (was_empty || plan_.due(now()) != BatchPlan::Trigger::kNone) work_.notify_one();
  return {};
}

void BatchProcessor::run() {
  std::unique_lock lock(mutex_);
  while (wait_for_work(lock)) offer_first(lock);
}

// True when the first outgoing batch is to be offered; false when the thread may end.
bool BatchProcessor::wait_for_work(std::unique_lock<std::mutex>& lock) {
  while (true) {
    move_due_to_outgoing();
    const bool draining = state_ == State::kDraining;
    if (draining && outgoing_.empty()) return false;
    if (draining && SteadyClock::now() >= deadline_ && retry_at_ != nanoseconds{0}) {
      while (!outgoing_.empty())
        drop_first(dropped_shutdown_, "refused until the shutdown's deadline");
      return false;
    }
    const nanoseconds current = now();
    if (!outgoing_.empty() && retry_at_ <= current) return true;
    std::optional<nanoseconds> wake = plan_.next_due();
    if (!outgoing_.empty()) wake = wake ? std::min(*wake, retry_at_) : retry_at_;
    if (!wake) {
      work_.wait(lock);
      continue;
    }
    nanoseconds wait = *wake - current;
    if (draining) wait = std::min<nanoseconds>(wait, deadline_ - SteadyClock::now());
    work_.wait_for(lock, std::max(wait, nanoseconds{0}));
  }
}

void BatchProcessor::move_due_to_outgoing() {
  switch (plan_.due(now())) {
    case BatchPlan::Trigger::kSize:
      size_triggers_.add();
      break;
    case BatchPlan::Trigger::kTimeout:
      timeout_triggers_.add();
      break;
    case BatchPlan::Trigger::kNone:
      if (state_ != State::kDraining || plan_.item_count() == 0) return;
      break;
  }
  otlp::Batch batch = plan_.take();
  const std::size_t max = settings_.send_batch_max_size;
  if (max == 0) {
    outgoing_.push_back(std::move(batch));
    return;
  }
  for (otlp::Batch& piece : otlp::split(std::move(batch), max))
    outgoing_.push_back(std::move(piece));
}

void BatchProcessor::offer_first(std::unique_lock<std::mutex>& lock) {
  otlp::Batch offer = outgoing_.front().clone();
  lock.unlock();
  const Status taken = next_.consume(std::move(offer));
  lock.lock();
  if (taken) {
    retry_at_ = nanoseconds{0};
    retry_interval_ = kFirstRetry;
    release_first();
    return;
  }
  if (taken.error().kind == ErrorKind::kPermanent) {
    drop_first(dropped_permanent_, taken.error().message);
    return;
  }
  offers_refused_.add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: a batch was refused, will offer it again: {}", path_,
                       taken.error().message);
  retry_at_ = now() + retry_interval_;
  retry_interval_ = std::min<nanoseconds>(2 * retry_interval_,
                                          state_ == State::kDraining ? 5 * kFirstRetry : kMaxRetry);
}

void BatchProcessor::release_first() {
  const otlp::Batch& batch = outgoing_.front();
  held_spans_ -= batch.item_count();
  books_.release(batch.item_count());
  books_.pass_on(batch.item_count());
  sent_batches_.add();
  sent_spans_.add(batch.item_count());
  sent_bytes_.add(batch.byte_count());
  outgoing_.pop_front();
}

void BatchProcessor::drop_first(Counter& reason, const std::string& message) {
  const std::size_t spans = outgoing_.front().item_count();
  held_spans_ -= spans;
  books_.release(spans);
  reason.add(spans);
  KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} spans: {}", path_, spans, message);
  outgoing_.pop_front();
}

ProcessorFactory batch_processor_factory() {
  return {.type = "batch", .create = create};
}

}  // namespace kernspan
