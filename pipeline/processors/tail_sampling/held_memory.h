#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>

#include "pipeline/processors/tail_sampling/buffer_pool.h"

namespace kernspan::sampling {

// The bytes that a processor holds, of all its shards: received bytes and their indexes, what is kept
// per span and per trace, and what waits for the next component. Any thread.
class HeldMemory {
 public:
  explicit HeldMemory(std::uint64_t limit)
      : limit_(limit),
        buffers_(std::make_shared<BufferPool>(
            BufferPool::IdleBounds{.always = kAlwaysIdle, .never_more = limit / 16})) {}

  void add(std::uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void subtract(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_; }
  // From here on traces are decided early, so that the limit itself is seldom reached.
  std::uint64_t soft_limit() const { return limit_ - limit_ / 16; }
  bool is_short() const { return used() > soft_limit(); }
  bool has_room_for(std::uint64_t bytes) const {
    return bytes <= limit_ && used() <= limit_ - bytes;
  }

  // For what is held. What is idle in it comes on top.
  BufferPool& buffers() { return *buffers_; }

 private:
  // Some rounds' worth at full speed; a load that falls gives the rest back.
  static constexpr std::uint64_t kAlwaysIdle = 64 << 20;

  const std::uint64_t limit_;
  const std::shared_ptr<BufferPool> buffers_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace kernspan::sampling
