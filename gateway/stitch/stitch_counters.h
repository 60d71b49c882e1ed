#pragma once

#include <string>

#include "pipeline/base/metrics.h"

namespace kernspan::stitch {

// Metrics of one processor; docs/configuration.md says what each means.
struct StitchCounters {
  StitchCounters(Metrics& metrics, const MetricLabels& labels);

  // Derived traces.
  Counter& traces_joined;
  Counter& traces_released_timeout;
  Counter& traces_released_pressure;
  Counter& traces_released_shutdown;

  // Spans of derived traces, when they go on.
  Counter& spans_joined;
  Counter& spans_released;
  Counter& spans_handed_over;
  // Of these, the ones that came when their trace had gone on.
  Counter& late_spans;

  // Every announcement that was received ends as one of the others, or waits.
  Counter& announcements_received;
  Counter& announcements_matched;
  Counter& announcements_repeated;
  Counter& announcements_conflicting;
  Counter& announcements_late;
  Counter& announcements_cyclic;
  Counter& announcements_expired;
  Counter& announcements_evicted;
  Counter& announcements_handed_over;
  Counter& announcements_malformed;

  Counter& too_deep;
  Counter& clock_exchanges;
  Counter& outside_parent;
  Counter& corrected_spans;
  Counter& duplicates;
  Counter& offers_refused;
};

}  // namespace kernspan::stitch
