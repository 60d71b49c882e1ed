#pragma once

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// Takes batches: every processor, exporter and connector, and the fan-out in front of several. Only
// those of the signals that its pipelines carry.
class Consumer {
 public:
  virtual ~Consumer() = default;

  // Takes the batch over. Success: the batch is this consumer's responsibility and in its books.
  // Failure: it was not taken; a retryable error tells the sender to come again with the same
  // batch. May be called from several threads at once.
  virtual Status consume(otlp::Batch batch) = 0;

  // Whether a request of about so many bytes would be taken at the moment: receivers ask before
  // they spend memory on decompressing and decoding it. A refusal is retryable, and a yes promises
  // nothing. Any thread.
  virtual Status admit(otlp::Signal /*signal*/, std::size_t /*bytes*/) { return {}; }
};

}  // namespace kernspan
