#include "pipeline/extensions/pprof/heap_sampler.h"

#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <mutex>

#ifdef KERNSPAN_SAMPLE_HEAP

// glibc's own, under the names that it exports for programs that replace malloc().
extern "C" {
void* __libc_malloc(std::size_t size);  // NOLINT: the C library's names
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void __libc_free(void* block);
}

namespace kernspan {
namespace {

// One allocation in 512 KiB: enough for a heap of 8 GiB. Nothing here may allocate.
constexpr std::size_t kMostSamples = 16'384;
constexpr std::size_t kBuckets = 65'536;
constexpr std::size_t kDeepest = 32;

struct Sample {
  void* block;
  std::size_t size;
  std::uint16_t next;  // in its bucket or among the free ones; 0: none
  std::uint16_t depth;
  std::array<void*, kDeepest> callers;
};

// Held for a few hundred nanoseconds, by one allocation in thousands.
class SpinLock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) {
    }
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_;
};

constinit std::atomic<bool> is_sampling{false};
constinit std::atomic<std::uint64_t> lost{0};
constinit SpinLock table_lock;  // guards the three below; buckets may be read without
constinit std::array<Sample, kMostSamples> samples{};
constinit std::array<std::atomic<std::uint16_t>, kBuckets> buckets{};  // 0: empty
constinit std::uint16_t first_free = 0;
constinit std::uint16_t used = 1;  // sample 0 stands for none

thread_local constinit bool is_inside = false;  // what sampling allocates is not sampled
thread_local constinit std::int64_t bytes_until_sample = 0;
thread_local constinit std::uint64_t random_state = 0;

std::atomic<std::uint16_t>& bucket_of(const void* block) {
  // Blocks are 16 bytes apart at least.
  const std::uint64_t hash = (reinterpret_cast<std::uintptr_t>(block) >> 4) * 0x9e3779b97f4a7c15ULL;
  return buckets[hash >> 48];
}

// The distance to the next sample: exponentially distributed, so that no pattern of sizes escapes.
std::int64_t next_distance() {
  if (random_state == 0) random_state = reinterpret_cast<std::uintptr_t>(&random_state);
  random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
  const double uniform = static_cast<double>((random_state >> 11) + 1) * 0x1p-53;  // (0, 1]
  return static_cast<std::int64_t>(-std::log(uniform) *
                                   static_cast<double>(kHeapSamplePeriodBytes)) +
         1;
}

struct Walk {
  Sample* sample;
  void* caller;  // who called malloc(): what lies below is this file
  bool began;
};

_Unwind_Reason_Code take_frame(_Unwind_Context* context, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  void* const address = reinterpret_cast<void*>(_Unwind_GetIP(context));
  walk.began = walk.began || address == walk.caller;
  if (!walk.began) return _URC_NO_REASON;
  walk.sample->callers[walk.sample->depth++] = address;
  return walk.sample->depth == kDeepest ? _URC_END_OF_STACK : _URC_NO_REASON;
}

void remember(const Sample& sample) {
  const std::scoped_lock lock(table_lock);
  std::uint16_t place = first_free;
  if (place != 0) {
    first_free = samples[place].next;
  } else if (used < kMostSamples) {
    place = used++;
  } else {
    lost.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  std::atomic<std::uint16_t>& bucket = bucket_of(sample.block);
  samples[place] = sample;
  samples[place].next = bucket.load(std::memory_order_relaxed);
  bucket.store(place, std::memory_order_relaxed);
}

void forget(const void* block) {
  std::atomic<std::uint16_t>& bucket = bucket_of(block);
  // Whoever frees a block has been handed it by the thread that allocated and remembered it.
  if (bucket.load(std::memory_order_relaxed) == 0) return;
  const std::scoped_lock lock(table_lock);
  std::uint16_t before = 0;
  for (std::uint16_t place = bucket.load(std::memory_order_relaxed); place != 0;
       before = place, place = samples[place].next) {
    if (samples[place].block != block) continue;
    if (before == 0) {
      bucket.store(samples[place].next, std::memory_order_relaxed);
    } else {
      samples[before].next = samples[place].next;
    }
    samples[place].next = first_free;
    first_free = place;
    return;
  }
}

[[gnu::noinline]] void take_sample(void* block, std::size_t size, void* caller) {
  is_inside = true;
  // The first distance of a thread only begins its count.
  const bool is_first = random_state == 0;
  bytes_until_sample = next_distance();
  if (!is_first) {
    Sample sample{.block = block, .size = size, .next = 0, .depth = 0, .callers = {}};
    Walk walk{&sample, caller, false};
    _Unwind_Backtrace(take_frame, &walk);
    if (sample.depth == 0) sample.callers[sample.depth++] = caller;
    remember(sample);
  }
  is_inside = false;
}

void count(void* block, std::size_t size, void* caller) {
  if (block == nullptr || is_inside) return;
  bytes_until_sample -= static_cast<std::int64_t>(size);
  if (bytes_until_sample <= 0) take_sample(block, size, caller);
}

}  // namespace

bool can_sample_heap() {
  return true;
}

void start_heap_sampling() {
  is_sampling.store(true, std::memory_order_relaxed);
}

std::vector<HeapSample> heap_samples() {
  std::vector<Sample> copies;
  copies.reserve(kMostSamples);  // not under the lock, which its own samples would want
  {
    is_inside = true;
    const std::scoped_lock lock(table_lock);
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      for (std::uint16_t place = buckets[bucket].load(std::memory_order_relaxed); place != 0;
           place = samples[place].next) {
        copies.push_back(samples[place]);
      }
    }
  }
  is_inside = false;
  std::vector<HeapSample> result;
  result.reserve(copies.size());
  for (const Sample& sample : copies) {
    // An allocation of that size is remembered with this probability.
    const auto size = static_cast<double>(sample.size);
    const double probability =
        -std::expm1(-std::max(size, 1.0) / static_cast<double>(kHeapSamplePeriodBytes));
    result.push_back({.objects = static_cast<std::uint64_t>(std::llround(1 / probability)),
                      .bytes = static_cast<std::uint64_t>(std::llround(size / probability)),
                      .callers = {}});
    for (std::size_t i = 0; i < sample.depth; ++i) {
      result.back().callers.push_back(reinterpret_cast<std::uintptr_t>(sample.callers[i]));
    }
  }
  return result;
}

std::uint64_t lost_heap_samples() {
  return lost.load(std::memory_order_relaxed);
}

}  // namespace kernspan

extern "C" {

void* malloc(std::size_t size) noexcept {
  void* const block = __libc_malloc(size);
  if (kernspan::is_sampling.load(std::memory_order_relaxed)) [[unlikely]] {
    kernspan::count(block, size, __builtin_return_address(0));
  }
  return block;
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  void* const block = __libc_calloc(count, size);
  if (kernspan::is_sampling.load(std::memory_order_relaxed)) [[unlikely]] {
    kernspan::count(block, count * size, __builtin_return_address(0));
  }
  return block;
}

void* realloc(void* old, std::size_t size) noexcept {
  const bool is_sampling = kernspan::is_sampling.load(std::memory_order_relaxed);
  if (is_sampling && old != nullptr) kernspan::forget(old);
  void* const block = __libc_realloc(old, size);
  if (is_sampling) kernspan::count(block, size, __builtin_return_address(0));
  return block;
}

void free(void* block) noexcept {
  if (kernspan::is_sampling.load(std::memory_order_relaxed) && block != nullptr) {
    kernspan::forget(block);
  }
  __libc_free(block);
}

}  // extern "C"

#else

namespace kernspan {

bool can_sample_heap() {
  return false;
}
void start_heap_sampling() {}
std::vector<HeapSample> heap_samples() {
  return {};
}
std::uint64_t lost_heap_samples() {
  return 0;
}

}  // namespace kernspan

#endif
