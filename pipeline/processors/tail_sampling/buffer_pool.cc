#include "pipeline/processors/tail_sampling/buffer_pool.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace kernspan::sampling {
namespace {

// A few capacities, so that buffers find takers. What a buffer has too much is never touched, and
// so takes no memory, or less than an eighth.
std::size_t capacity_for(std::size_t size) {
  const std::size_t step = std::bit_floor(size) / 8;
  return (size + step - 1) / step * step;
}

}  // namespace

BufferPool::~BufferPool() {
  for (const auto& [capacity, buffers] : idle_) {
    for (char* const buffer : buffers) std::free(buffer);
  }
}

otlp::Slice BufferPool::copy(const otlp::Batch& batch) {
  const std::size_t capacity = capacity_for(batch.byte_count());
  char* const buffer = take(capacity);
  std::shared_ptr<const void> owner(buffer, [pool = shared_from_this(), capacity](char* freed) {
    pool->give_back(freed, capacity);
  });
  char* end = buffer;
  for (const otlp::Slice& slice : batch.slices()) {
    std::memcpy(end, slice.view().data(), slice.size());
    end += slice.size();
  }
  return {std::move(owner), {buffer, batch.byte_count()}};
}

char* BufferPool::take(std::size_t capacity) {
  {
    const std::scoped_lock lock(mutex_);
    if (const auto found = idle_.find(capacity); found != idle_.end() && !found->second.empty()) {
      char* const buffer = found->second.back();
      found->second.pop_back();
      idle_bytes_ -= capacity;
      return buffer;
    }
  }
  auto* const buffer = static_cast<char*>(std::malloc(capacity));
  if (buffer == nullptr) throw std::bad_alloc();
  return buffer;
}

void BufferPool::give_back(char* buffer, std::size_t capacity) {
  {
    const std::scoped_lock lock(mutex_);
    if (idle_bytes_ + capacity <= max_idle_bytes_) {
      idle_[capacity].push_back(buffer);
      idle_bytes_ += capacity;
      return;
    }
  }
  std::free(buffer);
}

std::size_t BufferPool::idle_bytes() const {
  const std::scoped_lock lock(mutex_);
  return idle_bytes_;
}

}  // namespace kernspan::sampling
