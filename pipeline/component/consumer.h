#pragma once

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// Takes batches of spans: every processor and every exporter, and the fan-out in front of several.
class TracesConsumer {
 public:
  virtual ~TracesConsumer() = default;

  // Takes the batch over. Success: the batch is this consumer's responsibility and in its books.
  // Failure: it was not taken; a retryable error tells the sender to come again with the same
  // batch. May be called from several threads at once.
  virtual Status consume(otlp::Batch batch) = 0;
};

}  // namespace kernspan
