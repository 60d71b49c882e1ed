#include "pipeline/service/signal_router.h"

#include <utility>

namespace kernspan {

Status SignalRouter::consume(otlp::Batch batch) {
  return next_for(batch.signal()).consume(std::move(batch));
}

Status SignalRouter::admit(otlp::Signal signal, std::size_t bytes) {
  return next_for(signal).admit(signal, bytes);
}

}  // namespace kernspan
