// The door of a component that must see whole traces, in a tier of several replicas: it lets in what
// this replica owns and hands the rest to its owners. Without `replicas` everything comes in.
//
// The door keeps the books of what comes in (taken, from_peers, held) and of what goes to peers
// (to_peers); the component those of what it passes on or drops, which it releases. When
// generation() has changed, the component goes through what it holds and gives up what is no longer
// its own (ownership()->is_mine(), hand_over()), decided traces included; and it asks may_decide()
// before it decides. So a trace is decided on by one replica:
//   - what has come to a replica that does not own it (any more) is handed on, with its age;
//   - its new owner waits a settle window before it decides on what others may still hold;
//   - decisions go along, so that late spans meet them.
// A peer that cannot be reached gets out of the ring, and what was meant for it goes to the next
// owner. What nobody takes is kept and, if nobody takes it for long, decided on alone: counted
// (kernspan_replicas_stray_spans, kernspan_replicas_alone_decisions), never lost.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/factory.h"
#include "pipeline/component/owner_split.h"
#include "pipeline/component/replica_ring.h"
#include "pipeline/component/trace_ownership.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// The component behind the door. Any thread; calls may overlap.
class TraceHolder {
 public:
  // How old what comes in is.
  struct Arrival {
    std::chrono::nanoseconds age{0};      // since it came into the tier
    std::span<const TraceAge> ages = {};  // of traces that a replica has held
  };

  virtual ~TraceHolder() = default;

  // Whether the batch, or a part of it, would be taken at the moment.
  virtual Status room(const otlp::Batch& batch) = 0;
  // Takes the batch, in any case, between the component's start() and the end of the door's stop().
  // It is in the books as held.
  virtual void keep(otlp::Batch spans, const Arrival& arrival) = 0;
  // Others have decided on these: so are held spans of them treated, and late ones.
  virtual void keep_decided(std::span<const DecidedTrace> decided) = 0;
  // generation() has changed: go, soon, through what is held. Must not wait.
  virtual void look_at_ring() = 0;
  // The generation() since which nothing is held that was not this replica's.
  virtual std::uint64_t looked_at() const = 0;
};

// Reads `replicas: ID` and finds the extension; null without the key. Problems go to the reader.
ReplicaRing* read_replicas(ConfigReader& reader, const Extensions& extensions);

class TraceDoor final : private ReplicaRing::Channel {
 public:
  // `ring` may be null. The component has the same id and pipeline in all replicas: that is how they
  // find each other. Without `route_by` a span goes by its trace id.
  TraceDoor(const ComponentContext& context, ReplicaRing* ring, TraceHolder& holder,
            RouteBy route_by = {});
  ~TraceDoor() override;

  // From here on peers' hand-offs come in.
  void start();
  // Waits, until the deadline, for the component to have handed over what is not its own (all of
  // it, when this replica has left the ring), and for that to be taken. What is not taken then
  // comes back through keep(), and nothing comes in behind it: the component decides on what it has
  // got. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);

  // Lets a batch in: from then on it is held here or by its owners. All of it or nothing: a full
  // queue to a peer is a retryable error, and so is a component without room.
  Status consume(otlp::Batch batch);

  // Grows when ownership() has changed, or something is held that may be handed on by now.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Never null.
  std::shared_ptr<const TraceOwnership> ownership() const;
  // Counts decisions that TraceOwnership::may_decide() has answered with kAlone.
  Counter& alone_decisions() { return alone_decisions_; }
  bool has_replicas() const { return ring_ != nullptr; }

  // The component gives up what this replica does not own, in portions of about kPortionBytes. What
  // has become this replica's own again comes back through keep(), from within. An error is
  // retryable and leaves the hand-off as it was: the component still holds it.
  static constexpr std::size_t kPortionBytes = 1 << 20;
  Status hand_over(HandOff& hand_off);

  // Nothing that belongs to others is here or on its way.
  bool is_quiet() const;

 private:
  Status take(HandOff hand_off) override;
  void delivered(std::size_t spans) override;
  void undelivered(HandOff hand_off) override;
  void ring_changed() override;
  void tick() override;

  // What is this replica's own of a hand-off, by that view.
  struct Own {
    HandOff hand_off;
    std::shared_ptr<const ReplicaRing::View> view;
  };

  Status split_and_send(const HandOff& hand_off, std::uint32_t hops, Own* own);
  Status send(const ReplicaRing::View& view, std::vector<ReplicaRing::Port::Parcel>& parcels);
  void is_back(std::size_t parcels, std::size_t spans);
  void keep(Own own);
  void let_in(HandOff hand_off);
  void keep_stray(HandOff hand_off);

  ReplicaRing* const ring_;
  TraceHolder& holder_;
  const std::string name_;
  const RouteBy route_by_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& alone_decisions_;
  Counter& stray_spans_;

  std::atomic<std::uint64_t> generation_{1};
  std::atomic<bool> has_strays_{false};

  mutable std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::shared_ptr<const TraceOwnership> ownership_;
  std::size_t outstanding_parcels_ = 0;
  std::size_t outstanding_spans_ = 0;
  std::uint64_t look_again_ns_ = 0;
  std::size_t senders_ = 0;                  // threads inside of send()
  std::unique_ptr<ReplicaRing::Port> port_;  // between start() and stop()
};

}  // namespace kernspan
