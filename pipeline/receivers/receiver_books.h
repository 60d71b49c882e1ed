#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/factory.h"

namespace kernspan {

// What a receiver counts of one transport, under the collector's names:
//
//   otelcol_receiver_accepted_spans   the pipeline took them
//   otelcol_receiver_refused_spans    the pipeline refused them; the client was told
//   otelcol_receiver_failed_spans     lost by the receiver itself: none are, it is there for alerts
//
// (and ..._metric_points), and kernspan_receiver_refused_requests{reason} for requests whose spans
// were never known. Any thread.
class ReceiverBooks {
 public:
  ReceiverBooks(const ComponentContext& context, std::string_view transport);

  // Gives the batch to the consumer and books what becomes of its items.
  Status hand_on(Consumer& next, otlp::Batch batch) const;

  // Made on first use; takes a lock: ask once and keep the reference.
  Counter& refused_requests(std::string_view reason) const;

 private:
  struct Items {
    Counter* accepted = nullptr;
    Counter* refused = nullptr;
  };

  Items items_of(otlp::Signal signal) const;

  Metrics& metrics_;
  StageBooks& stage_;
  const MetricLabels labels_;
  const Items spans_;
  const Items metric_points_;
};

}  // namespace kernspan
