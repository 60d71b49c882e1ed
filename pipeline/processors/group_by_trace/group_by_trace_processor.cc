#include "pipeline/processors/group_by_trace/group_by_trace_processor.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/otlp/split.h"

namespace kernspan {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// Traces of a worker that the next component has not taken: with more, input is refused.
constexpr std::size_t kMaxOutgoing = 10'000;
constexpr milliseconds kFirstRetry{10};
constexpr milliseconds kMaxRetry{1000};
// Upstream's, in milliseconds.
constexpr std::array<double, 8> kLatencyBounds = {5, 10, 20, 50, 100, 200, 500, 1000};

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  constexpr std::size_t kMaxTraces = 100'000'000;
  constexpr std::size_t kMaxWorkers = 256;
  GroupByTraceSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  reader.duration("wait_duration", &settings.wait_duration, nanoseconds(0), std::chrono::hours(24));
  reader.integer<std::size_t>("num_traces", &settings.num_traces, 1, kMaxTraces);
  reader.integer<std::size_t>("num_workers", &settings.num_workers, 1, kMaxWorkers);
  for (const char* key : {"discard_orphans", "store_on_disk"}) {
    bool wanted = false;
    reader.boolean(key, &wanted);
    if (wanted) reader.error(key, "is not supported, upstream neither: remove the key");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<GroupByTraceProcessor>(context, settings, next);
}

MetricLabels labels_of(const ComponentContext& context) {
  return {{"processor", context.id}, {"pipeline", context.pipeline}};
}

Histogram& latency(const ComponentContext& context, const char* event) {
  MetricLabels labels = labels_of(context);
  labels["event"] = event;
  return context.metrics.histogram("otelcol_processor_groupbytrace_event_latency",
                                   "How long the queue events are taking to be processed, in "
                                   "milliseconds.",
                                   kLatencyBounds, std::move(labels));
}

}  // namespace

GroupByTraceProcessor::GroupByTraceProcessor(const ComponentContext& context,
                                             const GroupByTraceSettings& settings, Consumer& next)
    : path_(context.path),
      settings_(settings),
      labels_(labels_of(context)),
      next_(next),
      clock_(context.clock),
      books_(context.books),
      dropped_permanent_(books_.dropped("permanent_error")),
      dropped_shutdown_(books_.dropped("shutdown")),
      traces_released_(context.metrics.counter("otelcol_processor_groupbytrace_traces_released",
                                               "Traces released to the next consumer.", labels_)),
      spans_released_(context.metrics.counter("otelcol_processor_groupbytrace_spans_released",
                                              "Spans released to the next consumer.", labels_)),
      traces_evicted_(context.metrics.counter(
          "otelcol_processor_groupbytrace_traces_evicted",
          "Traces that had no room any more, and were released early.", labels_)),
      incomplete_releases_(
          context.metrics.counter("otelcol_processor_groupbytrace_incomplete_releases",
                                  "Releases that are suspected to have been incomplete.", labels_)),
      receive_latency_(latency(context, "onTraceReceived")),
      release_latency_(latency(context, "onTraceReleased")),
      hash_(KeyedIdHash::random()) {
  const std::size_t share = std::max<std::size_t>(settings.num_traces / settings.num_workers, 1);
  for (std::size_t i = 0; i < settings.num_workers; ++i) {
    workers_.push_back(
        std::make_unique<Worker>(share, settings.wait_duration, KeyedIdHash::random()));
  }
  gauges_ = context.metrics.add_collector(
      [this](std::vector<MetricFamily>& families) { collect(families); });
}

GroupByTraceProcessor::~GroupByTraceProcessor() {
  stop(SteadyClock::now());
}

nanoseconds GroupByTraceProcessor::now() const {
  return nanoseconds(static_cast<nanoseconds::rep>(clock_.monotonic_ns()));
}

Status GroupByTraceProcessor::start() {
  for (const auto& worker : workers_) {
    const std::scoped_lock lock(worker->mutex);
    worker->state = State::kRunning;
    worker->retry_interval = kFirstRetry;
    worker->thread = std::thread([this, &worker = *worker] { run(worker); });
  }
  return {};
}

void GroupByTraceProcessor::stop(SteadyClock::time_point deadline) {
  for (const auto& worker : workers_) {
    const std::scoped_lock lock(worker->mutex);
    if (worker->state == State::kRunning) {
      worker->state = State::kDraining;
      worker->deadline = deadline;
      worker->work.notify_all();
    } else {
      worker->state = State::kStopped;
    }
  }
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
    const std::scoped_lock lock(worker->mutex);
    worker->state = State::kStopped;
  }
}

Status GroupByTraceProcessor::room() {
  for (const auto& worker : workers_) {
    const std::scoped_lock lock(worker->mutex);
    if (worker->state != State::kRunning) return retryable(path_ + " is not running");
    if (worker->outgoing.size() >= kMaxOutgoing) {
      return retryable(path_ + ": the next component does not take traces, and many wait for it");
    }
  }
  return {};
}

Status GroupByTraceProcessor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  if (spans == 0) return {};
  if (Status taken = room(); !taken) {
    books_.refuse(spans);
    return taken;
  }
  books_.take(spans);
  books_.hold(spans);
  for (otlp::TracePart& part : otlp::split_by_trace(batch)) {
    add(part.trace_id, std::move(part.batch));
  }
  return {};
}

void GroupByTraceProcessor::add(const TraceId& id, otlp::Batch spans) {
  const nanoseconds begin = now();
  Worker& worker = worker_of(id);
  {
    const std::scoped_lock lock(worker.mutex);
    const bool was_idle = worker.group.traces() == 0;
    auto evicted =
        worker.group.add(id, std::move(spans), static_cast<std::uint64_t>(begin.count()));
    if (evicted) {
      traces_evicted_.add();
      incomplete_releases_.add();
      worker.outgoing.push_back(*std::move(evicted));
      KERNSPAN_LOG_LIMITED(
          kWarn, "{}: there are more than num_traces traces: the oldest went on early", path_);
    }
    if (was_idle || !worker.outgoing.empty()) worker.work.notify_one();
  }
  receive_latency_.observe(static_cast<double>((now() - begin) / milliseconds(1)));
}

void GroupByTraceProcessor::run(Worker& worker) {
  std::unique_lock lock(worker.mutex);
  while (wait_for_work(worker, lock)) offer_first(worker, lock);
}

// True when the first outgoing trace is to be offered; false when the thread may end.
bool GroupByTraceProcessor::wait_for_work(Worker& worker, std::unique_lock<std::mutex>& lock) {
  while (true) {
    const bool draining = worker.state == State::kDraining;
    const nanoseconds current = now();
    if (worker.outgoing.empty()) {
      auto due = worker.group.take_due(static_cast<std::uint64_t>(current.count()), draining);
      if (due) worker.outgoing.push_back(*std::move(due));
    }
    if (draining && worker.outgoing.empty()) return false;
    if (draining && SteadyClock::now() >= worker.deadline && worker.retry_at != nanoseconds{0}) {
      while (auto rest = worker.group.take_due(0, true))
        worker.outgoing.push_back(*std::move(rest));
      while (!worker.outgoing.empty()) {
        drop_first(worker, dropped_shutdown_, "refused until the shutdown's deadline");
      }
      return false;
    }
    if (!worker.outgoing.empty() && worker.retry_at <= current) return true;
    std::optional<nanoseconds> wake;
    if (!worker.outgoing.empty()) {
      wake = worker.retry_at;
    } else if (const auto due = worker.group.next_due_ns()) {
      wake = nanoseconds(static_cast<nanoseconds::rep>(*due));
    }
    if (!wake) {
      worker.work.wait(lock);
      continue;
    }
    nanoseconds wait = *wake - current;
    if (draining) wait = std::min<nanoseconds>(wait, worker.deadline - SteadyClock::now());
    worker.work.wait_for(lock, std::max(wait, nanoseconds{0}));
  }
}

void GroupByTraceProcessor::offer_first(Worker& worker, std::unique_lock<std::mutex>& lock) {
  otlp::Batch offer = worker.outgoing.front().clone();
  const std::size_t spans = offer.item_count();
  lock.unlock();
  const nanoseconds begin = now();
  const Status taken = next_.consume(std::move(offer));
  release_latency_.observe(static_cast<double>((now() - begin) / milliseconds(1)));
  lock.lock();
  if (taken) {
    worker.retry_at = nanoseconds{0};
    worker.retry_interval = kFirstRetry;
    worker.outgoing.pop_front();
    books_.release(spans);
    books_.pass_on(spans);
    traces_released_.add();
    spans_released_.add(spans);
    return;
  }
  if (taken.error().kind == ErrorKind::kPermanent) {
    return drop_first(worker, dropped_permanent_, taken.error().message);
  }
  KERNSPAN_LOG_LIMITED(kWarn, "{}: a trace was refused, will offer it again: {}", path_,
                       taken.error().message);
  worker.retry_at = now() + worker.retry_interval;
  const milliseconds most = worker.state == State::kDraining ? 5 * kFirstRetry : kMaxRetry;
  worker.retry_interval = std::min<nanoseconds>(2 * worker.retry_interval, most);
}

void GroupByTraceProcessor::drop_first(Worker& worker, Counter& reason,
                                       const std::string& message) {
  const std::size_t spans = worker.outgoing.front().item_count();
  worker.outgoing.pop_front();
  books_.release(spans);
  reason.add(spans);
  KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} spans: {}", path_, spans, message);
}

void GroupByTraceProcessor::collect(std::vector<MetricFamily>& families) const {
  std::size_t traces = 0;
  std::size_t outgoing = 0;
  for (const auto& worker : workers_) {
    const std::scoped_lock lock(worker->mutex);
    traces += worker->group.traces() + worker->outgoing.size();
    outgoing += worker->outgoing.size();
  }
  const auto add = [&](const char* name, const char* help, std::size_t value) {
    families.push_back({.name = name,
                        .help = help,
                        .type = MetricType::kGauge,
                        .samples = {{.labels = labels_, .value = static_cast<double>(value)}}});
  };
  add("otelcol_processor_groupbytrace_conf_num_traces",
      "Maximum number of traces to hold in the internal storage.", settings_.num_traces);
  add("otelcol_processor_groupbytrace_num_traces_in_memory",
      "Number of traces currently in the in-memory storage.", traces);
  add("otelcol_processor_groupbytrace_num_events_in_queue",
      "Number of traces that the next component has not taken yet.", outgoing);
}

ProcessorFactory group_by_trace_processor_factory() {
  return {.type = "groupbytrace", .create = create};
}

}  // namespace kernspan
