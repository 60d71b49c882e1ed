#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/component/consumer.h"
#include "pipeline/component/service_view.h"

namespace kernspan {

// Stands in front of a pipeline of traces and remembers a few of the spans that come by. One batch
// a second is looked into; the others cost an atomic load. Any thread.
class SpanTap final : public Consumer {
 public:
  // Both outlive the tap.
  SpanTap(Consumer& next, const Clock& clock) : next_(next), clock_(clock) {}

  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

  ServiceView::Samples samples() const;

 private:
  void look_into(const otlp::Batch& batch);

  Consumer& next_;
  const Clock& clock_;
  LogLimiter limiter_{std::chrono::seconds(1)};
  mutable std::mutex mutex_;  // guards what follows; newest first
  std::deque<SpanSample> recent_;
  std::deque<SpanSample> errors_;
};

}  // namespace kernspan
