#include "pipeline/processors/memory_limiter/memory_limiter_settings.h"

namespace kernspan {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;
// As upstream, where no spike is given.
constexpr std::uint64_t kDefaultSpikeShare = 5;
// The gap between refusing and taking again, as a part of the hard limit: without one, every check
// near the limit would change the answer.
constexpr std::uint64_t kResumeGapShare = 50;

}  // namespace

void read_memory_limiter_settings(ConfigReader& reader, MemoryLimiterSettings& settings) {
  reader.duration("check_interval", &settings.check_interval);
  reader.integer("limit_mib", &settings.limit_mib);
  reader.integer("spike_limit_mib", &settings.spike_limit_mib);
  reader.integer("limit_percentage", &settings.limit_percentage);
  reader.integer("spike_limit_percentage", &settings.spike_limit_percentage);
  reader.duration("min_gc_interval_when_soft_limited", &settings.min_trim_interval_soft);
  reader.duration("min_gc_interval_when_hard_limited", &settings.min_trim_interval_hard);
  for (const char* key :
       {"max_gc_interval_when_soft_limited", "max_gc_interval_when_hard_limited"}) {
    reader.ignored(key,
                   "there is no garbage collector to back off from: freed memory is given back to "
                   "the kernel at the min_gc_interval");
  }
  if (settings.check_interval.count() <= 0) {
    reader.error("check_interval", "'check_interval' must be greater than zero; write 1s");
  }
  if (settings.min_trim_interval_soft < settings.min_trim_interval_hard) {
    reader.error("min_gc_interval_when_soft_limited",
                 "'min_gc_interval_when_soft_limited' should be larger than "
                 "'min_gc_interval_when_hard_limited'");
  }
  if (settings.limit_mib == 0 && settings.limit_percentage == 0) {
    reader.error("limit_mib", "'limit_mib' or 'limit_percentage' must be greater than zero");
  }
  if (settings.limit_percentage > 100 || settings.spike_limit_percentage > 100) {
    reader.error("limit_percentage",
                 "'limit_percentage' and 'spike_limit_percentage' must be greater than zero and "
                 "less than or equal to hundred");
  }
  if (settings.limit_mib > 0 && settings.limit_mib <= settings.spike_limit_mib) {
    reader.error("spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'");
  }
  if (settings.limit_percentage > 0 &&
      settings.limit_percentage <= settings.spike_limit_percentage) {
    reader.error("spike_limit_percentage",
                 "'spike_limit_percentage' must be smaller than 'limit_percentage'");
  }
}

MemoryLimits MemoryLimits::from(const MemoryLimiterSettings& settings, std::uint64_t total_bytes) {
  MemoryLimits limits;
  std::uint64_t spike = 0;
  if (settings.limit_mib != 0) {
    limits.hard_bytes = settings.limit_mib * kMib;
    spike = settings.spike_limit_mib * kMib;
  } else {
    limits.hard_bytes = total_bytes / 100 * settings.limit_percentage;
    spike = total_bytes / 100 * settings.spike_limit_percentage;
  }
  if (spike == 0) spike = limits.hard_bytes / kDefaultSpikeShare;
  limits.soft_bytes = limits.hard_bytes - spike;
  const std::uint64_t gap = limits.hard_bytes / kResumeGapShare;
  limits.resume_bytes = limits.soft_bytes > gap ? limits.soft_bytes - gap : 0;
  return limits;
}

}  // namespace kernspan
