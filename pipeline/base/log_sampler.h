#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace kernspan {

// Thins out equal lines, as the collector's log does: of each message the first `initial` of every
// interval, then each `thereafter`-th. Messages share counters when their hashes meet, which bounds
// the memory. Any thread.
class LogSampler {
 public:
  LogSampler(std::uint64_t initial, std::uint64_t thereafter, std::chrono::nanoseconds interval)
      : initial_(initial), thereafter_(thereafter), interval_ns_(interval.count()) {}

  bool admit(std::string_view message, std::int64_t now_ns) {
    Slot& slot = slots_[std::hash<std::string_view>{}(message) % slots_.size()];
    std::int64_t end_ns = slot.end_ns.load(std::memory_order_relaxed);
    if (now_ns >= end_ns && slot.end_ns.compare_exchange_strong(end_ns, now_ns + interval_ns_,
                                                                std::memory_order_relaxed)) {
      slot.count.store(0, std::memory_order_relaxed);
    }
    const std::uint64_t count = slot.count.fetch_add(1, std::memory_order_relaxed) + 1;
    if (count <= initial_) return true;
    if (thereafter_ != 0 && (count - initial_) % thereafter_ == 0) return true;
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  std::uint64_t held_back() const { return held_back_.load(std::memory_order_relaxed); }

 private:
  struct Slot {
    std::atomic<std::int64_t> end_ns{0};
    std::atomic<std::uint64_t> count{0};
  };

  const std::uint64_t initial_;
  const std::uint64_t thereafter_;
  const std::int64_t interval_ns_;
  std::array<Slot, 4096> slots_;
  std::atomic<std::uint64_t> held_back_{0};
};

}  // namespace kernspan
