#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// How one attempt ended.
struct SendOutcome {
  enum class Kind {
    kSent,
    kRetryable,
    kPermanent,
    kTooLarge,  // the peer refuses requests of this size: a part of the batch may go through
  };

  Kind kind = Kind::kSent;
  std::string message = {};                 // for failures, and for what the peer rejected
  std::chrono::nanoseconds asked_delay{0};  // failures: the peer asked to wait that long
  std::size_t rejected_spans = 0;           // sent: the peer took the request but not these items

  // Of a batch that went out in parts (splitting_transport.h, load_balancing):
  std::size_t too_large_items = 0;  // not sent: too large alone
  std::size_t permanent_items = 0;  // not sent, and never will be: refused by one of several peers
  // Failures: what was not sent, when other parts were. Shared: outcomes are copied.
  std::shared_ptr<otlp::Batch> rest = nullptr;
};

// One attempt to hand a batch to a peer. What differs between exporters; queue, retry and books are
// QueuedSender's. send() may be called from several threads, and from within `done`.
class Transport {
 public:
  using Done = std::function<void(SendOutcome)>;

  virtual ~Transport() = default;

  virtual Status start() = 0;

  // Begins an attempt and returns. `done` is called exactly once, from whatever thread, also when
  // the timeout passes or cancel_all() is called. The batch is borrowed until then.
  virtual void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) = 0;

  // Ends all attempts in progress soon, with a retryable outcome.
  virtual void cancel_all() = 0;

  // Called when no attempt is in progress; idempotent.
  virtual void stop() = 0;
};

}  // namespace kernspan
