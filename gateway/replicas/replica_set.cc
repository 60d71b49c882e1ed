#include "gateway/replicas/replica_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::replicas {
namespace {

Counter& counter(Metrics& metrics, const MetricLabels& labels, const char* what, const char* help) {
  return metrics.counter(fmt::format("kernspan_replicas_{}", what), help, labels);
}

}  // namespace

// What a component holds: closing goes through the set, which knows what is on its way.
class ReplicaSet::OpenPort final : public ReplicaRing::Port {
 public:
  OpenPort(ReplicaSet& set, ChannelRef channel) : set_(set), channel_(std::move(channel)) {}
  ~OpenPort() override { set_.close(channel_); }
  Status send(const View& view, std::vector<Parcel>& parcels) override {
    return set_.send(channel_, view, parcels);
  }

 private:
  ReplicaSet& set_;
  const ChannelRef channel_;
};

ReplicaSet::ReplicaSet(ReplicaSetSettings settings, PeerTransport& transport, const Clock& clock,
                       Metrics& metrics)
    : settings_(std::move(settings)),
      transport_(transport),
      clock_(clock),
      labels_({{"extension", settings_.id}}),
      counters_{
          .ring_changes = counter(metrics, labels_, "ring_changes", "Times that the ring changed."),
          .handed_over =
              counter(metrics, labels_, "handed_over_spans", "Spans that peers have taken over."),
          .taken = counter(metrics, labels_, "taken_over_spans", "Spans taken over from peers."),
          .returned = counter(metrics, labels_, "returned_spans",
                              "Spans that did not reach the peer they were meant for."),
          .again = counter(metrics, labels_, "hand_off_retries",
                           "Hand-offs that have to be sent again."),
          .refused_full = counter(metrics, labels_, "refused_hand_offs",
                                  "Times that spans were refused as a queue to a peer was full."),
          .duplicates = counter(metrics, labels_, "duplicate_hand_offs",
                                "Hand-offs that came again and were not taken twice."),
          .malformed = counter(metrics, labels_, "malformed_messages",
                               "Messages of peers that were not understood."),
          .failed_calls =
              counter(metrics, labels_, "failed_hand_offs", "Hand-offs that did not arrive."),
          .failed_hellos = counter(metrics, labels_, "failed_hellos",
                                   "Times that a peer did not answer a hello.")},
      membership_(settings_.address, settings_.membership),
      ring_(std::make_shared<const RingView>(1, std::vector{settings_.address}, settings_.address)),
      collector_(metrics.add_collector(
          [this](std::vector<MetricFamily>& families) { collect(families); })) {}

ReplicaSet::~ReplicaSet() {
  stop();
}

std::shared_ptr<const RingView> ReplicaSet::ring() const {
  const std::scoped_lock lock(ring_mutex_);
  return ring_;
}

// --- Channels

std::unique_ptr<ReplicaRing::Port> ReplicaSet::open(const std::string& name, Channel& channel) {
  auto state = std::make_shared<ChannelState>();
  state->name = name;
  state->channel = &channel;
  {
    const std::scoped_lock lock(mutex_);
    channels_[name] = state;
  }
  return std::make_unique<OpenPort>(*this, std::move(state));
}

void ReplicaSet::close(const ChannelRef& channel) {
  std::vector<HandOff> returned;
  {
    std::unique_lock lock(mutex_);
    channel->is_closing = true;
    const std::uint64_t now = clock_.monotonic_ns();
    for (auto& [address, peer] : peers_) {
      for (QueuedParcel& parcel : peer.queue.drain(channel->name)) {
        channel->returned.push_back(aged(std::move(parcel), now));
      }
    }
    const bool waits = channel->in_flight != 0;
    lock.unlock();
    if (waits) transport_.cancel_all();
    lock.lock();
    changed_.wait(lock, [&] { return channel->in_flight == 0 && channel->calls == 0; });
    returned = std::move(channel->returned);
    if (const auto found = channels_.find(channel->name);
        found != channels_.end() && found->second == channel) {
      channels_.erase(found);
    }
  }
  for (HandOff& hand_off : returned) {
    counters_.returned.add(hand_off.spans.item_count());
    channel->channel->undelivered(std::move(hand_off));
  }
}

ReplicaSet::ChannelRef ReplicaSet::begin_call(const std::string& name) {
  const std::scoped_lock lock(mutex_);
  const auto found = channels_.find(name);
  if (found == channels_.end() || found->second->is_closing) return nullptr;
  ++found->second->calls;
  return found->second;
}

void ReplicaSet::end_call(const ChannelRef& channel) {
  const std::scoped_lock lock(mutex_);
  --channel->calls;
  changed_.notify_all();
}

void ReplicaSet::for_each_channel(const std::function<void(Channel&)>& call) {
  std::vector<std::string> names;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, state] : channels_) names.push_back(name);
  }
  for (const std::string& name : names) {
    const ChannelRef channel = begin_call(name);
    if (channel == nullptr) continue;
    call(*channel->channel);
    end_call(channel);
  }
}

// --- The ring

void ReplicaSet::set_listed(const std::vector<std::string>& addresses) {
  {
    const std::scoped_lock lock(mutex_);
    membership_.listed(addresses, clock_.monotonic_ns());
  }
  update_ring();
}

void ReplicaSet::join() {
  {
    const std::scoped_lock lock(mutex_);
    has_joined_ = true;
    next_hello_ns_ = 0;
  }
  tick();
}

void ReplicaSet::announce_leave() {
  {
    const std::scoped_lock lock(mutex_);
    says_goodbye_ = true;
    const std::shared_ptr<const RingView> ring = this->ring();
    for (const std::string& address : ring->members()) {
      if (address != settings_.address) goodbyes_pending_.insert(address);
    }
  }
  say_hello();
}

void ReplicaSet::wait_until_announced(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return goodbyes_pending_.empty(); });
}

void ReplicaSet::leave() {
  {
    const std::scoped_lock lock(mutex_);
    says_goodbye_ = true;
    membership_.leave();
  }
  update_ring();
}

Hello ReplicaSet::own_hello() const {
  return {.address = settings_.address,
          .instance = settings_.instance,
          .leaving = says_goodbye_,
          .members = ring()->members(),
          .group = settings_.id};
}

void ReplicaSet::say_hello() {
  std::vector<std::string> addresses;
  std::string hello;
  bool is_goodbye = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!has_joined_ || is_stopped_) return;
    is_goodbye = says_goodbye_;
    hello = encode(own_hello());
    for (std::string& address : membership_.peers()) {
      Peer& peer = peers_.try_emplace(address, settings_.queue).first->second;
      if (peer.hello_in_flight && !is_goodbye) continue;
      peer.hello_in_flight = true;
      addresses.push_back(std::move(address));
    }
  }
  for (const std::string& address : addresses) {
    transport_.call(address, PeerMethod::kHello, {otlp::Slice(hello)}, 2 * settings_.hello_interval,
                    [this, address, is_goodbye](const PeerReply& reply) {
                      if (is_goodbye) {
                        const std::scoped_lock lock(mutex_);
                        goodbyes_pending_.erase(address);
                        changed_.notify_all();
                      }
                      on_hello(address, reply);
                    });
  }
}

void ReplicaSet::on_hello(const std::string& address, const PeerReply& reply) {
  Result<Hello> hello = permanent("");
  if (reply) hello = decode_hello({*reply});
  {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t now = clock_.monotonic_ns();
    if (const auto peer = peers_.find(address); peer != peers_.end()) {
      peer->second.hello_in_flight = false;
    }
    if (!hello || hello->group != settings_.id) {
      counters_.failed_hellos.add();
      membership_.failed(address, now);
    } else {
      membership_.reached(address, now);
      if (hello->address == address) {
        membership_.heard(address, hello->instance, hello->leaving, now);
      } else {
        membership_.is_alias(address, hello->address, now);
      }
      membership_.rumoured(hello->members, now);
    }
  }
  if (!reply) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: the replica {} does not answer: {}", settings_.id, address,
                         reply.error().message);
  }
  update_ring();
}

std::vector<ReplicaSet::Returned> ReplicaSet::drop_peers_that_left() {
  const std::uint64_t now = clock_.monotonic_ns();
  const std::vector<std::string> known = membership_.peers();
  const std::shared_ptr<const RingView> ring = this->ring();
  std::vector<Returned> returned;
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (!ring->has(peer->first)) {
      for (QueuedParcel& parcel : peer->second.queue.drain("")) {
        const ChannelRef& channel = channels_.at(parcel.channel);
        returned.push_back(returned_to(channel, std::move(parcel), now));
      }
    }
    const bool is_known = std::ranges::binary_search(known, peer->first);
    const bool is_idle = peer->second.queue.empty() && !peer->second.hello_in_flight;
    if (!is_known && is_idle && !ring->has(peer->first)) {
      transport_.forget(peer->first);
      peer = peers_.erase(peer);
    } else {
      ++peer;
    }
  }
  return returned;
}

void ReplicaSet::update_ring() {
  std::vector<Returned> returned;
  bool has_changed = false;
  std::string text;
  {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> members = membership_.members(clock_.monotonic_ns());
    const std::shared_ptr<const RingView> before = ring();
    if (members != before->members()) {
      has_changed = true;
      text = fmt::format("{}", fmt::join(members, ", "));
      const std::scoped_lock ring_lock(ring_mutex_);
      ring_ = std::make_shared<const RingView>(before->generation() + 1, std::move(members),
                                               settings_.address);
    }
    returned = drop_peers_that_left();
  }
  if (has_changed) {
    counters_.ring_changes.add();
    log_info("{}: the ring is {}", settings_.id, text);
    for_each_channel([](Channel& channel) { channel.ring_changed(); });
  }
  give_back(std::move(returned));
}

void ReplicaSet::tick() {
  bool is_time = false;
  std::vector<std::string> addresses;
  {
    const std::scoped_lock lock(mutex_);
    if (is_stopped_) return;
    const std::uint64_t now = clock_.monotonic_ns();
    is_time = has_joined_ && now >= next_hello_ns_;
    if (is_time) {
      next_hello_ns_ = now + static_cast<std::uint64_t>(settings_.hello_interval.count());
    }
    for (const auto& [address, peer] : peers_) addresses.push_back(address);
  }
  if (is_time) say_hello();
  update_ring();
  for (const std::string& address : addresses) pump(address);
  for_each_channel([](Channel& channel) { channel.tick(); });
}

void ReplicaSet::stop() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopped_ = true;
  }
  transport_.cancel_all();
}

// --- Metrics

void ReplicaSet::collect(std::vector<MetricFamily>& families) const {
  const std::shared_ptr<const RingView> ring = this->ring();
  const auto add = [&](const char* what, const char* help, double value) {
    families.push_back({.name = fmt::format("kernspan_replicas_{}", what),
                        .help = help,
                        .type = MetricType::kGauge,
                        .samples = {{labels_, value}}});
  };
  std::size_t queued = 0;
  std::size_t fullest = 0;
  std::size_t down = 0;
  {
    const std::scoped_lock lock(mutex_);
    down = membership_.peers_down();
    for (const auto& [address, peer] : peers_) {
      queued += peer.queue.used_bytes();
      fullest = std::max(fullest, peer.queue.used_bytes());
    }
  }
  add("ring_size", "Replicas in the ring.", static_cast<double>(ring->members().size()));
  add("owned_share", "The share of the traces that this replica owns.", ring->owned_share());
  add("peers_down", "Replicas that are out of the ring as they do not answer.",
      static_cast<double>(down));
  add("hand_off_bytes", "Bytes that wait for peers or are on their way, of all queues.",
      static_cast<double>(queued));
  add("hand_off_fullest_queue_bytes", "The same of the fullest queue.",
      static_cast<double>(fullest));
  add("hand_off_queue_limit_bytes", "What each queue to a peer may hold.",
      static_cast<double>(settings_.queue.max_bytes));
}

}  // namespace kernspan::replicas
