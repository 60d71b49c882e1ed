// How replicas call each other. One request, one answer; what they mean is in peer_message.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"

namespace kernspan::replicas {

enum class PeerMethod : std::uint8_t { kHello, kHandOff };

// The bytes of a message; together the slices are the message.
using PeerBytes = std::vector<otlp::Slice>;

// What a call came to. The error: the peer was not reached, or did not understand the call
// (permanent).
using PeerReply = Result<otlp::Slice>;

// The calling end. Any thread.
class PeerTransport {
 public:
  using Done = std::function<void(PeerReply)>;

  virtual ~PeerTransport() = default;

  virtual Status start() = 0;
  // Begins a call and returns. `done` is called exactly once, from whatever thread, possibly from
  // within; also when the timeout passes or cancel_all() is called.
  virtual void call(const std::string& peer, PeerMethod method, PeerBytes message,
                    std::chrono::nanoseconds timeout, Done done) = 0;
  // Nothing will be sent to the peer for a while.
  virtual void forget(const std::string& peer) = 0;
  // Ends all calls in progress soon.
  virtual void cancel_all() = 0;
  // Called when no call is in progress; idempotent.
  virtual void stop() = 0;
};

// The called end. Several calls at once.
class PeerService {
 public:
  virtual ~PeerService() = default;
  // The error is permanent: the message is not understood.
  virtual PeerReply answer(PeerMethod method, PeerBytes message) = 0;
};

}  // namespace kernspan::replicas
