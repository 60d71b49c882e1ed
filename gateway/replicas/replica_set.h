// The replicas of a tier as one of them sees it: who is in the ring, and what is handed to whom.
// Without threads of its own: it works when it is called, by its transport, the resolver, the
// components and, again and again, tick().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "gateway/replicas/membership.h"
#include "gateway/replicas/parcel_queue.h"
#include "gateway/replicas/peer_message.h"
#include "gateway/replicas/peer_transport.h"
#include "gateway/replicas/ring_view.h"
#include "gateway/replicas/seen_parcels.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/replica_ring.h"

namespace kernspan::replicas {

struct ReplicaSetSettings {
  std::string id;          // of the extension: replicas that do not have the same stay apart
  std::string address;     // of this replica, as the others call it
  std::uint64_t instance;  // random, never 0
  MembershipSettings membership = {};
  ParcelQueueSettings queue = {};
  std::chrono::nanoseconds hello_interval = std::chrono::seconds{1};
  std::chrono::nanoseconds call_timeout = std::chrono::seconds{5};
  std::chrono::nanoseconds settle_window = std::chrono::seconds{5};
  std::uint32_t max_hops = 3;
};

// Any thread.
class ReplicaSet final : public ReplicaRing, public PeerService {
 public:
  // All of it outlives this; the transport has been started when the first call is made.
  ReplicaSet(ReplicaSetSettings settings, PeerTransport& transport, const Clock& clock,
             Metrics& metrics);
  ~ReplicaSet() override;

  std::shared_ptr<const View> view() const override { return ring(); }
  std::unique_ptr<Port> open(const std::string& name, Channel& channel) override;
  std::chrono::nanoseconds settle_window() const override { return settings_.settle_window; }
  std::uint32_t max_hops() const override { return settings_.max_hops; }

  // What peers ask. Before join() they are told to come again.
  PeerReply answer(PeerMethod method, PeerBytes message) override;

  // The resolver's answer.
  void set_listed(const std::vector<std::string>& addresses);
  // Every component takes hand-offs: tells the others.
  void join();
  // Going: tells the others, waits for their answers, and gives up everything that it owns.
  void announce_leave();
  void wait_until_announced(std::chrono::steady_clock::time_point deadline);
  void leave();

  // Some ten times a second: says hello when it is time, tries again what has failed.
  void tick();
  // Calls in progress fail, and no more are made.
  void stop();

  std::shared_ptr<const RingView> ring() const;

 private:
  class OpenPort;
  // What is open under a name. Guarded by mutex_.
  struct ChannelState {
    std::string name;
    Channel* channel = nullptr;
    bool is_closing = false;
    std::size_t calls = 0;          // of the channel, in progress
    std::size_t in_flight = 0;      // messages of it
    std::vector<HandOff> returned;  // while it closes
  };
  using ChannelRef = std::shared_ptr<ChannelState>;
  struct Peer {
    explicit Peer(const ParcelQueueSettings& settings) : queue(settings) {}
    ParcelQueue queue;
    bool hello_in_flight = false;
  };
  // Its channel counts it as a call in progress.
  struct Returned {
    ChannelRef channel;
    HandOff hand_off;
  };
  struct Counters {
    Counter& ring_changes;
    Counter& handed_over;
    Counter& taken;
    Counter& returned;
    Counter& again;
    Counter& refused_full;
    Counter& duplicates;
    Counter& malformed;
    Counter& failed_calls;
    Counter& failed_hellos;
  };

  Status send(const ChannelRef& channel, const View& view, std::vector<Port::Parcel>& parcels);
  void close(const ChannelRef& channel);

  PeerReply answer_hello(const PeerBytes& message);
  PeerReply answer_hand_off(PeerBytes message);
  HandOffAnswer take(HandOffMessage message);

  Hello own_hello() const;
  void say_hello();
  void on_hello(const std::string& address, const PeerReply& reply);
  void pump(const std::string& address);
  void on_answer(const std::string& address, OutgoingMessage message, const PeerReply& reply);
  ChannelRef channel_of(const OutgoingMessage& message) const;
  std::vector<Returned> settle(const std::string& address, OutgoingMessage message,
                               HandOffAnswer::Outcome outcome);
  Returned returned_to(const ChannelRef& channel, QueuedParcel parcel, std::uint64_t now_ns);
  void give_back(std::vector<Returned> returned);
  void update_ring();
  std::vector<Returned> drop_peers_that_left();

  ChannelRef begin_call(const std::string& name);
  void end_call(const ChannelRef& channel);
  void for_each_channel(const std::function<void(Channel&)>& call);
  void collect(std::vector<MetricFamily>& families) const;

  const ReplicaSetSettings settings_;
  PeerTransport& transport_;
  const Clock& clock_;
  const MetricLabels labels_;
  const Counters counters_;

  mutable std::mutex mutex_;  // guards everything below but ring_; no call leaves with it held
  std::condition_variable changed_;
  Membership membership_;
  std::map<std::string, Peer> peers_;
  std::map<std::string, ChannelRef> channels_;
  SeenParcels seen_;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_hello_ns_ = 0;
  bool has_joined_ = false;
  bool says_goodbye_ = false;
  bool is_stopped_ = false;
  std::set<std::string> goodbyes_pending_;

  mutable std::mutex ring_mutex_;  // may be taken under mutex_
  std::shared_ptr<const RingView> ring_;

  Metrics::Registration collector_;
};

}  // namespace kernspan::replicas
