#pragma once

#include <array>
#include <cstddef>

#include "pipeline/base/metrics.h"
#include "pipeline/component/factory.h"

namespace kernspan {

// What an exporter counts of the items of one signal.
struct SendCounters {
  Counter* sent = nullptr;
  Counter* send_failed = nullptr;
  Counter* enqueue_failed = nullptr;
  Counter* rejected = nullptr;
};

// Those of the signals that the component is given; the others stay null.
class SendCountersBySignal {
 public:
  explicit SendCountersBySignal(const ComponentContext& context);

  const SendCounters& operator[](otlp::Signal signal) const {
    return counters_[static_cast<std::size_t>(signal)];
  }

 private:
  std::array<SendCounters, otlp::kAllSignals.size()> counters_;
};

}  // namespace kernspan
