#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/component/consumer.h"
#include "pipeline/processors/tail_sampling/shard.h"

namespace kernspan::sampling {

// A shard's thread: takes requests from a bounded queue, decides when traces are due, and passes on
// what is kept. What the next component refuses for the moment is held and offered again.
class ShardThread {
 public:
  // Called in the shard's thread after each round.
  using AfterRound = std::function<void()>;

  // References outlive it. `name` stands in messages.
  ShardThread(std::string name, std::unique_ptr<Shard> shard, AfterRound after_round,
              HeldMemory& memory, SamplingCounters& counters, Consumer& next, const Clock& clock);
  ~ShardThread();
  ShardThread(const ShardThread&) = delete;
  ShardThread& operator=(const ShardThread&) = delete;

  void start();
  // No request is pushed any more: takes and decides what is there, offers what is kept until the
  // deadline, and drops the rest. Idempotent, in two steps, so that several can drain at once.
  void begin_stop(std::chrono::steady_clock::time_point deadline);
  void stop();

  // Any thread, while it runs.
  bool has_room() const;
  // Waits for room, which another may take first; false: there was none.
  bool wait_for_room(std::chrono::nanoseconds patience);
  void push(Arrival arrival);
  // Runs in the shard's thread, between two rounds; as long as it runs.
  void post(std::function<void(Shard&)> command);

 private:
  using SteadyClock = std::chrono::steady_clock;
  enum class State { kIdle, kRunning, kDraining, kStopped };

  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  bool is_urgent() const;
  void round();
  void take_work();
  void drain();
  void pass_on();
  void collect_kept();
  bool offer_first();
  void release_first(Counter* dropped);
  std::optional<std::uint64_t> next_wake() const;

  const std::string name_;
  const std::unique_ptr<Shard> shard_;
  const AfterRound after_round_;
  HeldMemory& memory_;
  SamplingCounters& counters_;
  Consumer& next_;
  const Clock& clock_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<Arrival> input_;
  std::vector<std::function<void(Shard&)>> commands_;
  std::size_t input_spans_ = 0;
  State state_ = State::kIdle;
  SteadyClock::time_point deadline_;

  // The thread's own.
  std::deque<Arrival> work_in_hand_;
  std::size_t position_ = 0;  // in the first of them
  bool is_blocked_ = false;   // the shard has no room for another trace
  std::deque<otlp::Batch> outgoing_;
  std::uint64_t retry_at_ns_ = 0;
  std::uint64_t retry_interval_ns_ = 0;
  std::thread thread_;
};

}  // namespace kernspan::sampling
