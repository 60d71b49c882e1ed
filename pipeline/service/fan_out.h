#pragma once

#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/component/consumer.h"

namespace kernspan {

// Hands each batch to several consumers: all pipelines of a receiver, all exporters of a pipeline.
// Every consumer is asked, whatever the others answer; the bytes are shared.
//
// When some fail, so does the whole, as upstream: the answer joins their messages, and is retryable
// only when all that failed are. A sender that tries again then gives a second copy to those that
// took the first: at least once, never silently less. Such batches are counted. Any thread.
class FanOut final : public Consumer {
 public:
  // At least one consumer; they outlive the fan-out.
  FanOut(std::vector<Consumer*> consumers, Counter& partly_refused)
      : consumers_(std::move(consumers)), partly_refused_(partly_refused) {}

  Status consume(otlp::Batch batch) override;
  // No, if one of them says no.
  Status admit(otlp::Signal signal, std::size_t bytes) override;

 private:
  const std::vector<Consumer*> consumers_;
  Counter& partly_refused_;
};

}  // namespace kernspan
