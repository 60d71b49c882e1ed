// Workers that make traces at a rate and hand them to a consumer.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/component/consumer.h"
#include "tools/kernspan/send_test_trace/test_trace.h"

namespace kernspan::tools {

struct LoadSettings {
  TraceShape shape;
  std::uint32_t workers = 1;
  std::uint64_t traces = 1;                          // per worker
  std::optional<std::chrono::nanoseconds> duration;  // instead of a number of traces
  double traces_per_second = 0;                      // per worker; 0: as fast as they are taken
  std::uint64_t seed = 0;
};

struct LoadResult {
  std::uint64_t traces = 0;
  std::uint64_t spans = 0;         // that were taken
  std::uint64_t failed_spans = 0;  // that were not
  std::string first_trace_id;
  std::string first_error;
};

// Returns when all workers are done. A request that is not taken is not tried again: its spans
// count as failed. `stop` is asked now and then.
LoadResult run_load(const LoadSettings& settings, Consumer& consumer, bool (*stop)());

}  // namespace kernspan::tools
