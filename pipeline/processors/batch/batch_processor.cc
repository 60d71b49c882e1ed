#include "pipeline/processors/batch/batch_processor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
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
// A caller waits for room before it is sent away: refused bytes cost the network and both ends as
// much as taken ones. No longer, since it may hold a thread of a receiver.
constexpr milliseconds kMaxWait{500};

std::size_t max_held_spans(const BatchSettings& settings) {
  const std::size_t batch = std::max(
      {settings.send_batch_size, settings.send_batch_max_size, BatchSettings().send_batch_size});
  return batch > std::numeric_limits<std::size_t>::max() / kMaxHeldBatches
             ? std::numeric_limits<std::size_t>::max()
             : kMaxHeldBatches * batch;
}

std::size_t max_held_bytes(const BatchSettings& settings) {
  return settings.send_batch_max_bytes == 0 ? std::numeric_limits<std::size_t>::max()
                                            : kMaxHeldBatches * settings.send_batch_max_bytes;
}

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  constexpr std::size_t kMaxBatchSize = 100'000'000;
  constexpr std::size_t kMaxBatchBytes = std::numeric_limits<std::int32_t>::max();
  BatchSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  reader.integer<std::size_t>("send_batch_size", &settings.send_batch_size, 0, kMaxBatchSize);
  reader.integer<std::size_t>("send_batch_max_size", &settings.send_batch_max_size, 0,
                              kMaxBatchSize);
  reader.integer<std::size_t>("send_batch_max_bytes", &settings.send_batch_max_bytes, 0,
                              kMaxBatchBytes);
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

MetricLabels labels(const ComponentContext& context) {
  return {{"processor", context.id}, {"pipeline", context.pipeline}};
}

Counter& counter(const ComponentContext& context, std::string_view name, std::string_view help) {
  return context.metrics.counter(name, help, labels(context));
}

Gauge& gauge(const ComponentContext& context, std::string_view name, std::string_view help) {
  return context.metrics.gauge(name, help, labels(context));
}

}  // namespace

BatchProcessor::BatchProcessor(const ComponentContext& context, const BatchSettings& settings,
                               Consumer& next)
    : path_(context.path),
      settings_(settings),
      max_held_spans_(max_held_spans(settings)),
      max_held_bytes_(max_held_bytes(settings)),
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
      too_large_(counter(context, "kernspan_processor_batch_too_large_items",
                         "Items larger than send_batch_max_bytes, passed on nevertheless.")),
      held_spans_gauge_(gauge(context, "kernspan_processor_batch_held_items",
                              "Items that wait to be passed on.")),
      held_bytes_gauge_(gauge(context, "kernspan_processor_batch_held_bytes",
                              "Bytes that wait to be passed on.")),
      plan_(settings),
      retry_interval_(kFirstRetry) {
  gauge(context, "kernspan_processor_batch_held_items_limit", "From here on callers wait.")
      .set(static_cast<double>(max_held_spans_));
  gauge(context, "kernspan_processor_batch_held_bytes_limit", "From here on callers wait.")
      .set(static_cast<double>(max_held_bytes_));
}

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
    room_.notify_all();
  }
  thread_.join();
  const std::scoped_lock lock(mutex_);
  state_ = State::kStopped;
}

Status BatchProcessor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  const std::size_t bytes = batch.byte_count();
  if (spans == 0) return {};
  std::unique_lock lock(mutex_);
  // A batch that is larger than the bound is taken when nothing else is held.
  const auto has_room = [&] {
    return held_spans_ == 0 || (spans <= max_held_spans_ - std::min(max_held_spans_, held_spans_) &&
                                bytes <= max_held_bytes_ - std::min(max_held_bytes_, held_bytes_));
  };
  room_.wait_for(lock, kMaxWait, [&] { return state_ != State::kRunning || has_room(); });
  if (state_ != State::kRunning) {
    books_.refuse(spans);
    return retryable(path_ + " is not running");
  }
  if (!has_room()) {
    is_stuck_ = true;
    books_.refuse(spans);
    return refusal();
  }
  books_.take(spans);
  books_.hold(spans);
  held_spans_ += spans;
  held_bytes_ += bytes;
  update_gauges();
  // What is collected goes first where the two together would have to be cut.
  if (!plan_.has_room_for(batch)) {
    size_triggers_.add();
    cut_to_outgoing(plan_.take());
    work_.notify_one();
  }
  const bool was_empty = plan_.item_count() == 0;
  plan_.add(std::move(batch), now());
  // The thread already waits for the timeout of an older batch.
  if (was_empty || plan_.due(now()) != BatchPlan::Trigger::kNone) work_.notify_one();
  return {};
}

Status BatchProcessor::admit(otlp::Signal, std::size_t) {
  const std::scoped_lock lock(mutex_);
  return is_stuck_ ? refusal() : Status();
}

Status BatchProcessor::refusal() const {
  return retryable(path_ + ": the next component does not take batches, and this one is full");
}

void BatchProcessor::update_gauges() {
  held_spans_gauge_.set(static_cast<double>(held_spans_));
  held_bytes_gauge_.set(static_cast<double>(held_bytes_));
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
  cut_to_outgoing(plan_.take());
}

// Cutting writes some headers anew and copies no spans, but the pieces are a little larger together.
void BatchProcessor::cut_to_outgoing(otlp::Batch batch) {
  held_bytes_ -= batch.byte_count();
  const auto add = [&](otlp::Batch piece) {
    held_bytes_ += piece.byte_count();
    outgoing_.push_back(std::move(piece));
  };
  const auto add_cut_by_bytes = [&](otlp::Batch piece) {
    if (settings_.send_batch_max_bytes == 0) return add(std::move(piece));
    otlp::SplitByBytes cut = otlp::split_by_bytes(std::move(piece), settings_.send_batch_max_bytes);
    if (cut.too_large != 0) {
      too_large_.add(cut.too_large);
      KERNSPAN_LOG_LIMITED(
          kWarn,
          "{}: {} items are larger than send_batch_max_bytes ({}) each: they go on "
          "in batches of their own, which a peer may refuse",
          path_, cut.too_large, settings_.send_batch_max_bytes);
    }
    for (otlp::Batch& part : cut.batches) add(std::move(part));
  };
  const std::size_t max = settings_.send_batch_max_size;
  if (max == 0) return add_cut_by_bytes(std::move(batch));
  for (otlp::Batch& piece : otlp::split(std::move(batch), max)) add_cut_by_bytes(std::move(piece));
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

void BatchProcessor::forget(const otlp::Batch& batch) {
  held_spans_ -= batch.item_count();
  held_bytes_ -= batch.byte_count();
  is_stuck_ = false;
  update_gauges();
  room_.notify_all();
}

void BatchProcessor::release_first() {
  const otlp::Batch& batch = outgoing_.front();
  forget(batch);
  books_.release(batch.item_count());
  books_.pass_on(batch.item_count());
  sent_batches_.add();
  sent_spans_.add(batch.item_count());
  sent_bytes_.add(batch.byte_count());
  outgoing_.pop_front();
}

void BatchProcessor::drop_first(Counter& reason, const std::string& message) {
  const std::size_t spans = outgoing_.front().item_count();
  forget(outgoing_.front());
  books_.release(spans);
  reason.add(spans);
  KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} spans: {}", path_, spans, message);
  outgoing_.pop_front();
}

ProcessorFactory batch_processor_factory() {
  return {.type = "batch", .signals = kTracesAndMetrics, .create = create};
}

}  // namespace kernspan
