#include "pipeline/processors/tail_sampling/buffer_pool.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <iterator>
#include <new>

namespace kernspan::sampling {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = 2 << 20;
// What 512 small ones take at the least.
constexpr std::int64_t kLateNs = 500'000;

std::size_t rounded_up(std::size_t size, std::size_t unit) {
  return (size + unit - 1) / unit * unit;
}

// Begins where a huge page can.
char* map_aligned(std::size_t size) {
  void* const mapped = ::mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  auto* const begin = static_cast<char*>(mapped);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t front = rounded_up(address, kHugePage) - address;
  if (front != 0) ::munmap(begin, front);
  ::munmap(begin + front + size, kHugePage - front);
  return begin + front;
}

// Of this thread: it may have to wait for a processor.
std::int64_t cpu_time_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// Gives the region huge pages when the first one is not late. False: it was.
bool use_huge_pages(char* region, std::size_t size) {
  if (::madvise(region, size, MADV_HUGEPAGE) != 0) return true;  // the kernel has none
  const std::int64_t begin_ns = cpu_time_ns();
  *static_cast<volatile char*>(region) = 0;
  if (cpu_time_ns() - begin_ns < kLateNs) return true;
  ::madvise(region + kHugePage, size - kHugePage, MADV_NOHUGEPAGE);
  return false;
}

}  // namespace

bool BufferPool::HugePages::are_due() {
  if (passed_by_ == to_pass_by_) return true;
  ++passed_by_;
  return false;
}

void BufferPool::HugePages::note(bool is_late) {
  to_pass_by_ = is_late ? std::clamp(2 * to_pass_by_, 1U, kMostPassedBy) : 0;
  passed_by_ = 0;
}

BufferPool::~BufferPool() {
  while (!regions_.empty()) unmap(regions_.begin());
}

otlp::Slice BufferPool::copy(const otlp::Batch& batch) {
  const std::size_t size = rounded_up(batch.byte_count(), kPage);
  char* const buffer = take(size);
  std::shared_ptr<const void> owner(
      buffer, [pool = shared_from_this(), size](char* freed) { pool->give_back(freed, size); });
  char* end = buffer;
  for (const otlp::Slice& slice : batch.slices()) {
    std::memcpy(end, slice.view().data(), slice.size());
    end += slice.size();
  }
  return {std::move(owner), {buffer, batch.byte_count()}};
}

// From a gap that is there before one that is not, and then from the smallest that has room, and of
// those the first: others stay large, or whole regions become free.
char* BufferPool::take(std::size_t size) {
  const std::scoped_lock lock(mutex_);
  char* buffer = nullptr;
  for (const BySize* gaps : {&touched_by_size_, &untouched_by_size_}) {
    const auto found = gaps->lower_bound({size, nullptr});
    if (found == gaps->end()) continue;
    buffer = found->second;
    break;
  }
  if (buffer == nullptr) buffer = map_region(size);
  const Gap gap = remove_gap(gaps_.find(buffer));
  if (const std::size_t left = gap.size - size; left != 0) {
    add_gap(buffer + size, {left, std::min(left, gap.touched_bytes)});
  }
  region_of(buffer)->second.used_bytes += size;
  used_bytes_ += size;
  ASAN_UNPOISON_MEMORY_REGION(buffer, size);
  return buffer;
}

void BufferPool::give_back(char* buffer, std::size_t size) {
  const std::scoped_lock lock(mutex_);
  ASAN_POISON_MEMORY_REGION(buffer, size);
  const auto region = region_of(buffer);
  region->second.used_bytes -= size;
  used_bytes_ -= size;
  char* begin = buffer;
  Gap gap{size, size};
  const auto join = [&](Gaps::iterator neighbour) {
    begin = std::min(begin, neighbour->first);
    const Gap joined = remove_gap(neighbour);
    gap.size += joined.size;
    gap.touched_bytes += joined.touched_bytes;
  };
  auto next = gaps_.lower_bound(buffer);
  if (next != gaps_.begin() && buffer != region->first) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second.size == buffer) join(previous);
  }
  if (next != gaps_.end() && next->first == buffer + size &&
      next->first != region->first + region->second.size) {
    join(next);
  }
  const bool is_too_much = idle_bytes_ + gap.touched_bytes > max_idle_bytes();
  if (is_too_much && region->second.used_bytes == 0) return unmap(region);
  if (is_too_much) {
    ::madvise(begin, gap.size, MADV_DONTNEED);
    gap.touched_bytes = 0;
  }
  add_gap(begin, gap);
}

BufferPool::Regions::iterator BufferPool::region_of(char* buffer) {
  return std::prev(regions_.upper_bound(buffer));
}

char* BufferPool::map_region(std::size_t least_bytes) {
  const std::size_t size = std::max(kRegionBytes, rounded_up(least_bytes, kHugePage));
  char* const begin = map_aligned(size);
  if (huge_pages_.are_due()) huge_pages_.note(!use_huge_pages(begin, size));
  ASAN_POISON_MEMORY_REGION(begin, size);
  regions_.emplace(begin, Region{.size = size, .used_bytes = 0});
  mapped_bytes_ += size;
  add_gap(begin, {size, 0});
  return begin;
}

void BufferPool::unmap(Regions::iterator region) {
  const auto [begin, whole] = *region;
  if (const auto gap = gaps_.find(begin); gap != gaps_.end()) remove_gap(gap);
  ASAN_UNPOISON_MEMORY_REGION(begin, whole.size);
  ::munmap(begin, whole.size);
  mapped_bytes_ -= whole.size;
  regions_.erase(region);
}

std::size_t BufferPool::max_idle_bytes() const {
  constexpr std::size_t kUsedPerIdle = 16;
  return std::min(std::max(idle_.always, used_bytes_ / kUsedPerIdle), idle_.never_more);
}

BufferPool::BySize& BufferPool::by_size(const Gap& gap) {
  return gap.touched_bytes == 0 ? untouched_by_size_ : touched_by_size_;
}

void BufferPool::add_gap(char* begin, const Gap& gap) {
  gaps_.emplace(begin, gap);
  idle_bytes_ += gap.touched_bytes;
  by_size(gap).emplace(gap.size, begin);
}

BufferPool::Gap BufferPool::remove_gap(Gaps::iterator gap) {
  const Gap removed = gap->second;
  by_size(removed).erase({removed.size, gap->first});
  idle_bytes_ -= removed.touched_bytes;
  gaps_.erase(gap);
  return removed;
}

std::size_t BufferPool::idle_bytes() const {
  const std::scoped_lock lock(mutex_);
  return idle_bytes_;
}

std::size_t BufferPool::mapped_bytes() const {
  const std::scoped_lock lock(mutex_);
  return mapped_bytes_;
}

}  // namespace kernspan::sampling
