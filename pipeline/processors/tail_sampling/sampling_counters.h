#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/factory.h"
#include "pipeline/processors/tail_sampling/tail_sampling_settings.h"

namespace kernspan::sampling {

// What a processor counts, of all its shards: upstream's metrics (otelcol_processor_tail_sampling_)
// but those of single policies, our own (kernspan_processor_tail_sampling_), and the reasons for
// drops in its books. Any thread.
struct SamplingCounters {
  explicit SamplingCounters(const ComponentContext& context);

  // Upstream's.
  Counter& new_traces;
  Counter& traces_sampled;
  Counter& traces_not_sampled;
  Counter& traces_dropped;
  Counter& cached_sampled_spans;
  Counter& cached_not_sampled_spans;
  Counter& dropped_too_early;
  Counter& dropped_too_large;
  Histogram& decision_latency_us;
  Histogram& round_latency_ms;
  Histogram& late_span_age_s;
  Histogram& removal_age_s;
  Gauge& traces_in_memory;

  // Ours.
  Histogram& decision_delay_s;  // beyond the moment it was due
  Counter& early_for_memory;
  Counter& early_for_giant;
  Counter& early_for_traces;
  Counter& late_spans;
  Counter& offers_refused;  // by the next component
  Gauge& pending_traces;
  Gauge& held_spans;
  Gauge& cached_decisions;
  Gauge& held_bytes;

  // Drops.
  StageBooks& books;
  Counter& not_sampled;
  Counter& dropped_by_policy;
  Counter& trace_too_large;
  Counter& too_early;
  Counter& pending_at_shutdown;
  Counter& permanent_error;
  Counter& shutdown;

  // The limits, as gauges next to their uses.
  void publish_limits(const ComponentContext& context, const TailSamplingSettings& settings,
                      std::uint64_t held_bytes_limit) const;
};

}  // namespace kernspan::sampling
