#pragma once

#include <chrono>
#include <cstdint>

#include "pipeline/component/config_reader.h"

namespace kernspan {

struct MemoryLimiterSettings {
  std::chrono::nanoseconds check_interval{0};  // must be set
  std::uint32_t limit_mib = 0;
  std::uint32_t spike_limit_mib = 0;
  std::uint32_t limit_percentage = 0;  // of the total; limit_mib comes first
  std::uint32_t spike_limit_percentage = 0;
  // How often freed memory is given back to the kernel, which takes the place of garbage
  // collection.
  std::chrono::nanoseconds min_trim_interval_soft = std::chrono::seconds(10);
  std::chrono::nanoseconds min_trim_interval_hard{0};
};

// Problems go to the reader's finish().
void read_memory_limiter_settings(ConfigReader& reader, MemoryLimiterSettings& settings);

struct MemoryLimits {
  std::uint64_t hard_bytes = 0;
  std::uint64_t soft_bytes = 0;  // hard less the spike
  // Refused once, data is taken again below this.
  std::uint64_t resume_bytes = 0;

  // `total_bytes` matters to percentages only.
  static MemoryLimits from(const MemoryLimiterSettings& settings, std::uint64_t total_bytes);
};

}  // namespace kernspan
