#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "pipeline/base/error.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/processors/tail_sampling/adjusted_count.h"

namespace kernspan::sampling {

enum class Strategy {
  kTraceComplete,  // a trace is decided once, when it is due, by all of its spans
  kSpanIngest,     // each batch of a trace may sample or drop it at once, by its own spans alone
};

// All keys but `policies`. Names, defaults and meanings are upstream's, but where it says so.
struct TailSamplingSettings {
  std::chrono::nanoseconds decision_wait = std::chrono::seconds(30);
  std::chrono::nanoseconds decision_wait_after_root_received{0};  // 0: a root changes nothing
  std::size_t num_traces = 50'000;
  std::size_t expected_new_traces_per_sec = 0;
  std::size_t sampled_cache_size = 0;
  std::size_t non_sampled_cache_size = 0;
  bool sample_on_first_match = false;
  std::uint64_t maximum_trace_size_bytes = 0;  // 0: none
  bool block_on_overflow = false;
  bool drop_pending_traces_on_shutdown = false;
  std::size_t num_shards = 1;
  Strategy strategy = Strategy::kTraceComplete;

  // Ours. Of all that is held; 0 MiB: the percentage of what the process may use.
  std::uint64_t memory_limit_mib = 0;
  double memory_limit_percentage = 50;
  bool decide_on_overflow = false;  // of num_traces: the oldest trace is decided and not dropped
  AdjustedCountSettings adjusted_count = {};

  std::uint64_t memory_limit_bytes(std::uint64_t total_bytes) const;
};

// Reads all keys but `policies`; what is wrong comes out of the reader's finish().
void read_tail_sampling_settings(ConfigReader& reader, TailSamplingSettings& settings);

}  // namespace kernspan::sampling
