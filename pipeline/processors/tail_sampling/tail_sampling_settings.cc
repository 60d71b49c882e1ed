#include "pipeline/processors/tail_sampling/tail_sampling_settings.h"

#include <limits>

namespace kernspan::sampling {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::size_t kMostTraces = 1'000'000'000;
constexpr std::size_t kMostShards = 256;  // upstream's

}  // namespace

std::uint64_t TailSamplingSettings::memory_limit_bytes(std::uint64_t total_bytes) const {
  if (memory_limit_mib != 0) return memory_limit_mib * kMib;
  return static_cast<std::uint64_t>(static_cast<double>(total_bytes) * memory_limit_percentage /
                                    100);
}

void read_tail_sampling_settings(ConfigReader& reader, TailSamplingSettings& settings) {
  constexpr std::chrono::hours kLongestWait{24};
  reader.duration("decision_wait", &settings.decision_wait, std::chrono::nanoseconds{0},
                  kLongestWait);
  reader.duration("decision_wait_after_root_received", &settings.decision_wait_after_root_received,
                  std::chrono::nanoseconds{0}, kLongestWait);
  reader.integer<std::size_t>("num_traces", &settings.num_traces, 1, kMostTraces);
  reader.integer<std::size_t>("expected_new_traces_per_sec", &settings.expected_new_traces_per_sec,
                              0, kMostTraces);
  ConfigReader& cache = reader.section("decision_cache");
  cache.integer<std::size_t>("sampled_cache_size", &settings.sampled_cache_size, 0, kMostTraces);
  cache.integer<std::size_t>("non_sampled_cache_size", &settings.non_sampled_cache_size, 0,
                             kMostTraces);
  reader.boolean("sample_on_first_match", &settings.sample_on_first_match);
  reader.integer<std::uint64_t>("maximum_trace_size_bytes", &settings.maximum_trace_size_bytes, 0,
                                std::numeric_limits<std::int64_t>::max());
  reader.boolean("block_on_overflow", &settings.block_on_overflow);
  reader.boolean("drop_pending_traces_on_shutdown", &settings.drop_pending_traces_on_shutdown);
  reader.integer<std::size_t>("num_shards", &settings.num_shards, 1, kMostShards);
  reader.choice(
      "sampling_strategy", &settings.strategy,
      {{"trace-complete", Strategy::kTraceComplete}, {"span-ingest", Strategy::kSpanIngest}});
  if (reader.node("tail_storage") != nullptr) {
    reader.error("tail_storage",
                 "is not supported: traces are held in memory, in their wire form; remove the key, "
                 "and see memory_limit_mib for a bound in bytes");
  }
  reader.integer<std::uint64_t>("memory_limit_mib", &settings.memory_limit_mib, 1, 1 << 30);
  reader.number("memory_limit_percentage", &settings.memory_limit_percentage, 1, 100);
  if (reader.has("memory_limit_mib") && reader.has("memory_limit_percentage")) {
    reader.warning("memory_limit_percentage", "has no effect beside memory_limit_mib");
  }
  reader.boolean("decide_on_overflow", &settings.decide_on_overflow);
  if (settings.block_on_overflow && settings.decide_on_overflow) {
    reader.error("decide_on_overflow", "cannot be had together with block_on_overflow: choose one");
  }
  ConfigReader& adjusted = reader.section("adjusted_count");
  adjusted.boolean("trace_state", &settings.adjusted_count.trace_state);
  adjusted.string("attribute", &settings.adjusted_count.attribute);
}

}  // namespace kernspan::sampling
