#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "pipeline/otlp/batch.h"

namespace kernspan::sampling {

// Large buffers that are used again. Requests are freed at the pace at which new ones come, by
// another thread: the C library would give their pages back to the kernel and get them again, zeroed
// one by one, which was a third of the gateway's CPU. Any thread.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  static constexpr std::size_t kSmallest = 64 << 10;

  // Keeps at most so many bytes that nobody uses.
  explicit BufferPool(std::size_t max_idle_bytes) : max_idle_bytes_(max_idle_bytes) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // The batch's bytes, at least kSmallest, in one piece, which keeps the pool alive.
  otlp::Slice copy(const otlp::Batch& batch);

  std::size_t idle_bytes() const;

 private:
  char* take(std::size_t capacity);
  void give_back(char* buffer, std::size_t capacity);

  const std::size_t max_idle_bytes_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<char*>> idle_;  // by capacity
  std::size_t idle_bytes_ = 0;
};

}  // namespace kernspan::sampling
