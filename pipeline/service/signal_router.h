#pragma once

#include "pipeline/component/consumer.h"

namespace kernspan {

// Stands behind a receiver or connector that feeds pipelines of several signals. Any thread.
class SignalRouter final : public Consumer {
 public:
  // Both outlive the router.
  SignalRouter(Consumer& traces, Consumer& metrics) : traces_(traces), metrics_(metrics) {}

  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override;

 private:
  Consumer& next_for(otlp::Signal signal) {
    return signal == otlp::Signal::kTraces ? traces_ : metrics_;
  }

  Consumer& traces_;
  Consumer& metrics_;
};

}  // namespace kernspan
