// Which code holds the heap's memory: about one allocation in 512 KiB is remembered, with its stack,
// until it is freed. The C library's malloc does the work; malloc(), calloc(), realloc() and free()
// of this program stand in front of it, and cost a load and a branch each while nothing is sampled.
// Aligned allocations are not seen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kernspan {

inline constexpr std::size_t kHeapSamplePeriodBytes = 512 * 1024;  // Go's and tcmalloc's

// What one remembered allocation stands for.
struct HeapSample {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::vector<std::uint64_t> callers;  // return addresses, innermost first
};

// False in builds whose malloc belongs to a sanitizer.
bool can_sample_heap();

// From now on, for as long as the process lives: memory that is held already stays unknown. Any
// thread.
void start_heap_sampling();

// What is held now. Any thread.
std::vector<HeapSample> heap_samples();

// Allocations that should have been remembered when the table was full.
std::uint64_t lost_heap_samples();

}  // namespace kernspan
