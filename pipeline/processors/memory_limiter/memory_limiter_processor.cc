#include "pipeline/processors/memory_limiter/memory_limiter_processor.h"

#include <fmt/format.h>
#include <malloc.h>

#include <memory>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/hand_on.h"
#include "pipeline/processors/memory_limiter/host_memory.h"

namespace kernspan {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  MemoryLimiterSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  read_memory_limiter_settings(reader, settings);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<MemoryLimiterProcessor>(context, settings, next);
}

MetricLabels labels_of(const ComponentContext& context) {
  return {{"processor", context.id}, {"pipeline", context.pipeline}};
}

// A processor is in one pipeline, so it has one signal; while settings are only checked any will do.
Counter& items_counter(const ComponentContext& context, const char* what, const char* help) {
  const otlp::Signal signal =
      context.signals == kMetricsOnly ? otlp::Signal::kMetrics : otlp::Signal::kTraces;
  return context.metrics.counter(
      fmt::format("otelcol_processor_memory_limiter_{}_{}", what, otlp::items_of(signal)), help,
      labels_of(context));
}

Counter& own_counter(const ComponentContext& context, const char* what, const char* help) {
  return context.metrics.counter(fmt::format("kernspan_processor_memory_limiter_{}", what), help,
                                 labels_of(context));
}

Gauge& gauge(const ComponentContext& context, const char* what, const char* help) {
  return context.metrics.gauge(fmt::format("kernspan_processor_memory_limiter_{}", what), help,
                               labels_of(context));
}

}  // namespace

MemorySource MemorySource::of_this_process() {
  const auto memory = std::make_shared<const HostMemory>("/");
  return {.total_bytes = [memory] { return memory->total_bytes(); },
          .resident_bytes = [memory] { return memory->resident_bytes(); },
          .give_back = [] { malloc_trim(0); }};
}

MemoryLimiterProcessor::MemoryLimiterProcessor(const ComponentContext& context,
                                               const MemoryLimiterSettings& settings,
                                               Consumer& next, MemorySource source)
    : path_(context.path),
      settings_(settings),
      source_(std::move(source)),
      next_(next),
      clock_(context.clock),
      books_(context.books),
      accepted_(
          items_counter(context, "accepted", "Items that were passed on to the next component.")),
      refused_(items_counter(context, "refused",
                             "Items that were refused because of high memory usage.")),
      refused_early_(own_counter(context, "refused_requests",
                                 "Requests that were refused before they were decoded.")),
      given_back_(
          own_counter(context, "trims", "Times that freed memory was given back to the kernel.")),
      limit_gauge_(gauge(context, "limit_bytes", "The hard limit.")),
      soft_limit_gauge_(gauge(context, "soft_limit_bytes", "From here on data is refused.")),
      usage_gauge_(gauge(context, "usage_bytes",
                         "Resident memory when it was last measured, and what was taken since.")),
      refusing_gauge_(gauge(context, "refusing", "1 while data is refused.")) {}

MemoryLimiterProcessor::~MemoryLimiterProcessor() {
  stop(std::chrono::steady_clock::now());
}

Status MemoryLimiterProcessor::start() {
  std::uint64_t total_bytes = 0;
  if (settings_.limit_mib == 0) {
    const Result<std::uint64_t> total = source_.total_bytes();
    if (!total) return std::unexpected(total.error());
    total_bytes = *total;
  }
  if (!source_.resident_bytes()) {
    return permanent("this process's memory cannot be measured: is /proc mounted?");
  }
  limits_ = MemoryLimits::from(settings_, total_bytes);
  limit_gauge_.set(static_cast<double>(limits_.hard_bytes));
  soft_limit_gauge_.set(static_cast<double>(limits_.soft_bytes));
  log_info("{}: refuses data from {} MiB on; the limit is {} MiB", path_, limits_.soft_bytes / kMib,
           limits_.hard_bytes / kMib);
  check();
  const std::scoped_lock lock(thread_mutex_);
  running_ = true;
  thread_ = std::thread([this] { run(); });
  return {};
}

void MemoryLimiterProcessor::stop(std::chrono::steady_clock::time_point) {
  {
    const std::scoped_lock lock(thread_mutex_);
    running_ = false;
    stopping_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void MemoryLimiterProcessor::run() {
  std::unique_lock lock(thread_mutex_);
  while (!stopping_.wait_for(lock, settings_.check_interval, [this] { return !running_; })) {
    lock.unlock();
    check();
    lock.lock();
  }
}

std::uint64_t MemoryLimiterProcessor::usage() const {
  return resident_bytes_.load(std::memory_order_relaxed) +
         taken_since_.load(std::memory_order_relaxed);
}

Status MemoryLimiterProcessor::refusal() const {
  return retryable("data refused due to high memory usage");
}

std::uint64_t MemoryLimiterProcessor::measure() {
  // The smaller error: what is taken meanwhile may be forgotten, never counted twice.
  taken_since_.store(0, std::memory_order_relaxed);
  // /proc does not go away under a running process; if it did, the last number stands.
  if (const std::optional<std::uint64_t> bytes = source_.resident_bytes()) {
    resident_bytes_.store(*bytes, std::memory_order_relaxed);
  } else {
    KERNSPAN_LOG_LIMITED(kError, "{}: this process's memory cannot be measured any more", path_);
  }
  usage_gauge_.set(static_cast<double>(usage()));
  return usage();
}

void MemoryLimiterProcessor::give_back_when_due(bool is_above_hard) {
  const auto interval = static_cast<std::uint64_t>(
      (is_above_hard ? settings_.min_trim_interval_hard : settings_.min_trim_interval_soft)
          .count());
  const std::uint64_t now_ns = clock_.monotonic_ns();
  if (gave_back_at_ns_ && now_ns - *gave_back_at_ns_ < interval) return;
  gave_back_at_ns_ = now_ns;
  given_back_.add();
  source_.give_back();
}

void MemoryLimiterProcessor::check() {
  const std::scoped_lock lock(check_mutex_);
  std::uint64_t used = measure();
  if (used >= limits_.soft_bytes) {
    give_back_when_due(used >= limits_.hard_bytes);
    used = measure();
  }
  const bool was_refusing = refusing_.load(std::memory_order_relaxed);
  const bool must_refuse = used >= (was_refusing ? limits_.resume_bytes : limits_.soft_bytes);
  if (must_refuse && !was_refusing) {
    log_warn("{}: memory usage is above soft limit, refusing data: {} MiB of {} MiB", path_,
             used / kMib, limits_.soft_bytes / kMib);
  } else if (was_refusing && !must_refuse) {
    log_info("{}: memory usage back within limits, resuming normal operation: {} MiB", path_,
             used / kMib);
  }
  refusing_.store(must_refuse, std::memory_order_relaxed);
  refusing_gauge_.set(must_refuse ? 1 : 0);
}

void MemoryLimiterProcessor::measure_before(std::size_t bytes) {
  if (refusing_.load(std::memory_order_relaxed) || usage() + bytes < limits_.soft_bytes) return;
  check();
}

Status MemoryLimiterProcessor::consume(otlp::Batch batch) {
  const std::size_t items = batch.item_count();
  const std::size_t bytes = batch.byte_count();
  measure_before(bytes);
  if (refusing_.load(std::memory_order_relaxed)) {
    refused_.add(items);
    books_.refuse(items);
    return refusal();
  }
  taken_since_.fetch_add(bytes, std::memory_order_relaxed);
  Status taken = hand_on(next_, books_, std::move(batch));
  if (taken) accepted_.add(items);
  return taken;
}

Status MemoryLimiterProcessor::admit(otlp::Signal signal, std::size_t bytes) {
  measure_before(bytes);
  // A request that alone would lead over the hard limit waits for better times, too.
  if (refusing_.load(std::memory_order_relaxed) || usage() + bytes >= limits_.hard_bytes) {
    refused_early_.add();
    return refusal();
  }
  return next_.admit(signal, bytes);
}

ProcessorFactory memory_limiter_processor_factory() {
  return {.type = "memory_limiter", .signals = kTracesAndMetrics, .create = create};
}

}  // namespace kernspan
