// Type `memory_limiter`: refuses data while the process uses much memory, with an error that tells
// the sender to come again.
//
//   usage = resident memory when it was last measured + bytes of batches taken since
//
//   usage >= soft limit   refuse; give freed memory back to the kernel now and then
//   usage >= hard limit   the same, at each check
//   usage < soft limit - 2 % of the hard limit   take again
//
// A thread measures every check_interval. Between two checks a batch that would lead over the soft
// limit has the memory measured anew first: data that only passes through costs no memory, and what
// piles up is seen before it is too much.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "pipeline/component/factory.h"
#include "pipeline/processors/memory_limiter/memory_limiter_settings.h"

namespace kernspan {

ProcessorFactory memory_limiter_processor_factory();

// Where the limiter gets its numbers from; tests own it.
struct MemorySource {
  std::function<Result<std::uint64_t>()> total_bytes;
  std::function<std::optional<std::uint64_t>()> resident_bytes;
  std::function<void()> give_back;  // freed memory to the kernel

  static MemorySource of_this_process();
};

// Holds nothing: what it took the next consumer has taken as well.
class MemoryLimiterProcessor final : public Processor {
 public:
  MemoryLimiterProcessor(const ComponentContext& context, const MemoryLimiterSettings& settings,
                         Consumer& next, MemorySource source = MemorySource::of_this_process());
  ~MemoryLimiterProcessor() override;

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;

  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override;

  // Measures and decides: what the thread does at each interval. Any thread.
  void check();

 private:
  void run();
  void measure_before(std::size_t bytes);
  std::uint64_t measure();                      // needs check_mutex_
  void give_back_when_due(bool is_above_hard);  // needs check_mutex_
  std::uint64_t usage() const;
  Status refusal() const;

  const std::string path_;
  const MemoryLimiterSettings settings_;
  const MemorySource source_;
  Consumer& next_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& accepted_;
  Counter& refused_;
  Counter& refused_early_;
  Counter& given_back_;
  Gauge& limit_gauge_;
  Gauge& soft_limit_gauge_;
  Gauge& usage_gauge_;
  Gauge& refusing_gauge_;

  MemoryLimits limits_;  // written by start()
  std::atomic<bool> refusing_{false};
  std::atomic<std::uint64_t> resident_bytes_{0};
  std::atomic<std::uint64_t> taken_since_{0};

  std::mutex check_mutex_;                        // one check at a time
  std::optional<std::uint64_t> gave_back_at_ns_;  // guarded by check_mutex_

  std::mutex thread_mutex_;  // guards what follows
  std::condition_variable stopping_;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace kernspan
