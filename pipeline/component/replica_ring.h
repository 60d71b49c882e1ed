// What `replicas: ID` refers to: the replicas of one tier, which of them owns a trace, and how one
// hands to another what that one owns. Components use it through a TraceDoor (trace_door.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/base/ids.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// How a trace ended: what is needed to treat its late spans alike.
struct DecidedTrace {
  TraceId trace_id = {};
  // The holder's own: what it decided, by which policy, and with which threshold.
  std::uint8_t verdict = 0;
  std::uint16_t policy = 0;
  std::uint64_t detail = 0;

  bool operator==(const DecidedTrace&) const = default;
};

// A trace that was held when it was handed over.
struct TraceAge {
  TraceId trace_id = {};
  std::chrono::nanoseconds age{0};  // since its first span came into the tier

  bool operator==(const TraceAge&) const = default;
};

// What one replica gives another.
struct HandOff {
  std::uint32_t hops = 0;           // replicas that have passed it on
  std::chrono::nanoseconds age{0};  // since its spans came into the tier, where `ages` does not say
  otlp::Batch spans = {};           // may be empty
  std::vector<TraceAge> ages = {};  // of those traces among them that were held
  std::vector<DecidedTrace> decided = {};

  bool empty() const { return spans.empty() && decided.empty(); }
  // About what it occupies, in a queue and on the wire.
  std::size_t byte_count() const {
    return spans.byte_count() + ages.size() * sizeof(TraceAge) +
           decided.size() * sizeof(DecidedTrace);
  }
};

// Any thread.
class ReplicaRing {
 public:
  using Member = std::uint32_t;
  static constexpr Member kSelf = 0;

  // Who owned what at one moment. Immutable.
  class View {
   public:
    virtual ~View() = default;
    // kSelf, or the number of a peer: below size().
    virtual Member owner(const TraceId& id) const = 0;
    virtual std::size_t size() const = 0;  // members, this replica included
    virtual std::uint64_t generation() const = 0;
  };

  // What is handed over to one component of this replica. Its calls come from several threads and
  // must not wait for long.
  class Channel {
   public:
    virtual ~Channel() = default;

    // A peer hands over: responsible for it from the success on. A retryable error: not now.
    virtual Status take(HandOff hand_off) = 0;
    // The peer has taken a parcel with so many spans.
    virtual void delivered(std::size_t spans) = 0;
    // A parcel has not reached the peer, which may be gone: whoever sent it is responsible again.
    // The peer may have taken it nevertheless.
    virtual void undelivered(HandOff hand_off) = 0;
    // view() answers something else from now on.
    virtual void ring_changed() = 0;
    // Comes again and again, some times a second: for what cannot be done at once.
    virtual void tick() = 0;
  };

  // What one component holds of the ring. Its destructor cancels what is being sent, waits for
  // calls of the channel in progress, and gives what has not been delivered back to the channel.
  class Port {
   public:
    struct Parcel {
      Member to = kSelf;  // of `view`
      HandOff hand_off = {};
    };

    virtual ~Port() = default;
    // Takes all of the parcels or none: then they are as they were, and the error is retryable. That
    // is when a queue is full, or `view` is no longer the ring's. Does not wait. Each parcel comes
    // back as delivered() or undelivered(), possibly from within.
    virtual Status send(const View& view, std::vector<Parcel>& parcels) = 0;
  };

  virtual ~ReplicaRing() = default;

  virtual std::shared_ptr<const View> view() const = 0;
  // Peers call the component by `name`, the same in all replicas. The channel outlives the port.
  virtual std::unique_ptr<Port> open(const std::string& name, Channel& channel) = 0;
  // How long the decision on a trace whose owner has changed waits for what others still hold of it.
  virtual std::chrono::nanoseconds settle_window() const = 0;
  // How often a batch may be passed on; then it is kept.
  virtual std::uint32_t max_hops() const = 0;
};

}  // namespace kernspan
