// Type `filter`: drops spans, or events of spans, for which a condition holds.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/processors/filter/filter_rules.h"

namespace kernspan {

// Keys: error_mode, traces.{resource, span, spanevent}, trace_conditions.
ProcessorFactory filter_processor_factory();

// Books: spans that a condition drops, alone or with their resource or scope, are dropped, filtered.
// Events are no items: they have a counter of their own.
class FilterProcessor final : public Processor {
 public:
  FilterProcessor(const ComponentContext& context, std::vector<FilterGroup> groups, Consumer& next);

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  // Whether the record stays.
  Result<bool> keeps(const FilterGroup& group, ottl::Evaluation& at);

  const std::string path_;
  const std::vector<FilterGroup> groups_;
  Consumer& next_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& filtered_;
  Counter& filtered_metric_;
  Counter& dropped_events_;
  Counter& errors_;
};

}  // namespace kernspan
