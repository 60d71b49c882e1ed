#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/base/metrics.h"
#include "pipeline/exporters/sender/transport.h"

namespace kernspan {

// Counts how attempts at one backend end, and how long they take.
class ObservedTransport final : public Transport {
 public:
  // `is_failing`, borrowed, is true from an attempt that failed until one that did not.
  ObservedTransport(std::unique_ptr<Transport> transport, const Clock& clock, Metrics& metrics,
                    const MetricLabels& labels, std::atomic<bool>& is_failing);

  Status start() override { return transport_->start(); }
  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) override;
  void cancel_all() override { transport_->cancel_all(); }
  void stop() override { transport_->stop(); }

 private:
  const std::unique_ptr<Transport> transport_;
  const Clock& clock_;
  std::atomic<bool>& is_failing_;
  Histogram& latency_;
  Counter& successes_;
  Counter& failures_;
};

}  // namespace kernspan
