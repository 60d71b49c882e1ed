#include "tools/kernspan/send_test_trace/load.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace kernspan::tools {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::size_t kMaxSpansPerRequest = 512;  // the batch of OpenTelemetry's SDKs
constexpr nanoseconds kMaxDelay = std::chrono::milliseconds{200};  // of a trace, at a low rate

std::uint64_t wall_clock_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<nanoseconds>(now).count());
}

// One worker's traces. Shares the result with the others.
class Worker {
 public:
  Worker(const LoadSettings& settings, std::uint32_t number, Consumer& consumer, bool (*stop)(),
         std::mutex& mutex, LoadResult& result)
      : settings_(settings),
        maker_(settings.shape, settings.seed + number),
        consumer_(consumer),
        stop_(stop),
        mutex_(mutex),
        result_(result) {}

  void run() {
    const auto began = SteadyClock::now();
    const auto interval =
        settings_.traces_per_second > 0
            ? nanoseconds(static_cast<std::int64_t>(1e9 / settings_.traces_per_second))
            : nanoseconds{0};
    auto due = began;
    for (std::uint64_t sent = 0; wants_more(sent, began); ++sent, due += interval) {
      if (due > SteadyClock::now() + kMaxDelay) flush();
      if (interval.count() != 0) std::this_thread::sleep_until(due);
      const TraceId id = maker_.add_trace(wall_clock_ns(), encoder_);
      if (sent == 0) note_first(id);
      ++pending_traces_;
      const bool full = encoder_.span_count() + maker_.spans_per_trace() > kMaxSpansPerRequest;
      if (full || SteadyClock::now() - flushed_ > kMaxDelay) flush();
    }
    flush();
  }

 private:
  bool wants_more(std::uint64_t sent, SteadyClock::time_point began) const {
    if (stop_()) return false;
    if (settings_.duration) return SteadyClock::now() - began < *settings_.duration;
    return sent < settings_.traces;
  }

  void note_first(const TraceId& id) {
    const std::scoped_lock lock(mutex_);
    if (result_.first_trace_id.empty()) result_.first_trace_id = id.hex();
  }

  void flush() {
    flushed_ = SteadyClock::now();
    if (encoder_.empty()) return;
    const std::uint64_t spans = encoder_.span_count();
    const Status taken = consumer_.consume(encoder_.take());
    const std::scoped_lock lock(mutex_);
    result_.traces += std::exchange(pending_traces_, 0);
    (taken ? result_.spans : result_.failed_spans) += spans;
    if (!taken && result_.first_error.empty()) result_.first_error = taken.error().message;
  }

  const LoadSettings& settings_;
  TestTraceMaker maker_;
  otlp::RequestEncoder encoder_;
  Consumer& consumer_;
  bool (*const stop_)();
  SteadyClock::time_point flushed_ = SteadyClock::now();
  std::uint64_t pending_traces_ = 0;
  std::mutex& mutex_;
  LoadResult& result_;  // guarded by mutex_
};

}  // namespace

LoadResult run_load(const LoadSettings& settings, Consumer& consumer, bool (*stop)()) {
  LoadResult result;
  std::mutex mutex;
  std::vector<std::jthread> threads;
  for (std::uint32_t i = 0; i < settings.workers; ++i) {
    threads.emplace_back([&, i] { Worker(settings, i, consumer, stop, mutex, result).run(); });
  }
  threads.clear();  // joins
  return result;
}

}  // namespace kernspan::tools
