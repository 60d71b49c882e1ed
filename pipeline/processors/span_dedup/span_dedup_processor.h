// Type `span_dedup`, which the collector does not have: leaves out spans that have gone by before,
// known by trace id, span id and kind. It sees what passes through this one pipeline of this one
// process, for as long as it remembers.
#pragma once

#include <chrono>
#include <string>

#include "pipeline/component/factory.h"
#include "pipeline/processors/span_dedup/seen_spans.h"

namespace kernspan {

// Keys: wait_duration, max_spans, include_kind.
ProcessorFactory span_dedup_processor_factory();

// Books: what is left out is dropped, duplicate.
class SpanDedupProcessor final : public Processor {
 public:
  SpanDedupProcessor(const ComponentContext& context, const SeenSpans::Settings& settings,
                     Consumer& next);

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  SeenSpans seen_;
  Consumer& next_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& duplicates_;
  Metrics::Registration gauges_;  // last: its function looks at seen_
};

}  // namespace kernspan
