// The part of a ReplicaSet that hands over and takes over.
#include "gateway/replicas/replica_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::replicas {
namespace {

using Outcome = HandOffAnswer::Outcome;

std::size_t span_count(const OutgoingMessage& message) {
  std::size_t spans = 0;
  for (const QueuedParcel& parcel : message.parcels) spans += parcel.hand_off.spans.item_count();
  return spans;
}

}  // namespace

// --- To peers

Status ReplicaSet::send(const ChannelRef& channel, const View& view,
                        std::vector<Port::Parcel>& parcels) {
  std::vector<std::string> addresses;
  {
    const std::scoped_lock lock(mutex_);
    const std::shared_ptr<const RingView> ring = this->ring();
    if (ring.get() != &view) return retryable("the ring has changed");
    if (channel->is_closing || is_stopped_) return retryable("the replicas are not connected");
    std::map<ReplicaRing::Member, std::size_t> bytes;
    for (const Port::Parcel& parcel : parcels) bytes[parcel.to] += parcel.hand_off.byte_count();
    for (const auto& [member, size] : bytes) {
      const std::string& address = ring->address(member);
      const Peer& peer = peers_.try_emplace(address, settings_.queue).first->second;
      if (!peer.queue.has_room(size)) {
        counters_.refused_full.add();
        return retryable(fmt::format("the queue to the replica {} is full", address));
      }
      addresses.push_back(address);
    }
    const std::uint64_t now = clock_.monotonic_ns();
    for (Port::Parcel& parcel : parcels) {
      peers_.at(ring->address(parcel.to))
          .queue.push(
              {.channel = channel->name, .hand_off = std::move(parcel.hand_off), .queued_ns = now});
    }
  }
  for (const std::string& address : addresses) pump(address);
  return {};
}

void ReplicaSet::pump(const std::string& address) {
  while (true) {
    std::optional<OutgoingMessage> message;
    HandOffMessage encoded;
    {
      const std::scoped_lock lock(mutex_);
      const auto peer = peers_.find(address);
      if (peer == peers_.end() || is_stopped_) return;
      const std::uint64_t now = clock_.monotonic_ns();
      message = peer->second.queue.take(now, next_sequence_);
      if (!message) return;
      const std::string& name = message->parcels.front().channel;
      ++channels_.at(name)->in_flight;
      encoded = {.instance = settings_.instance,
                 .sequence = message->sequence,
                 .group = settings_.id,
                 .channel = name,
                 .hand_off = merge(*message, now)};
    }
    auto shared = std::make_shared<OutgoingMessage>(*std::move(message));
    transport_.call(address, PeerMethod::kHandOff, encode(encoded), settings_.call_timeout,
                    [this, address, shared](const PeerReply& reply) {
                      on_answer(address, std::move(*shared), reply);
                    });
  }
}

void ReplicaSet::on_answer(const std::string& address, OutgoingMessage message,
                           const PeerReply& reply) {
  HandOffAnswer answer{.outcome = Outcome::kNotNow, .message = {}};
  if (reply) {
    const auto decoded = decode_answer(reply->view());
    if (decoded) answer = *decoded;
    if (!decoded) answer = {.outcome = Outcome::kRefused, .message = decoded.error().message};
  } else if (reply.error().kind == ErrorKind::kPermanent) {
    answer = {.outcome = Outcome::kRefused, .message = reply.error().message};
  } else {
    answer.message = reply.error().message;
    counters_.failed_calls.add();
  }
  const ChannelRef channel = channel_of(message);
  if (answer.outcome == Outcome::kTaken) {
    counters_.handed_over.add(span_count(message));
    for (const QueuedParcel& parcel : message.parcels) {
      channel->channel->delivered(parcel.hand_off.spans.item_count());
    }
  } else {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: the replica {} has not taken a hand-off: {}", settings_.id,
                         address, answer.message);
  }
  std::vector<Returned> returned;
  {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t now = clock_.monotonic_ns();
    reply ? membership_.reached(address, now) : membership_.failed(address, now);
    returned = settle(address, std::move(message), answer.outcome);
    --channel->in_flight;
    changed_.notify_all();
  }
  give_back(std::move(returned));
  pump(address);
}

// It stays open while messages of it are on their way.
ReplicaSet::ChannelRef ReplicaSet::channel_of(const OutgoingMessage& message) const {
  const std::scoped_lock lock(mutex_);
  return channels_.at(message.parcels.front().channel);
}

// What becomes of a message that was answered: done, to be sent again, or to be given back.
std::vector<ReplicaSet::Returned> ReplicaSet::settle(const std::string& address,
                                                     OutgoingMessage message, Outcome outcome) {
  const std::uint64_t now = clock_.monotonic_ns();
  const ChannelRef& channel = channels_.at(message.parcels.front().channel);
  ParcelQueue& queue = peers_.at(address).queue;
  std::vector<Returned> returned;
  if (outcome == Outcome::kTaken) {
    queue.succeeded(message);
    return returned;
  }
  if (outcome == Outcome::kNoChannel && message.no_channel_since_ns == 0) {
    message.no_channel_since_ns = now;
  }
  const auto down_after = static_cast<std::uint64_t>(settings_.membership.down_after.count());
  const bool never_taken =
      outcome == Outcome::kNoChannel && now - message.no_channel_since_ns >= down_after;
  if (outcome != Outcome::kRefused && !never_taken && !channel->is_closing &&
      ring()->has(address)) {
    counters_.again.add();
    queue.failed(std::move(message), now);
    return returned;
  }
  queue.given_up(message);
  for (QueuedParcel& parcel : message.parcels) {
    if (channel->is_closing) {
      channel->returned.push_back(aged(std::move(parcel), now));
    } else {
      returned.push_back(returned_to(channel, std::move(parcel), now));
    }
  }
  return returned;
}

ReplicaSet::Returned ReplicaSet::returned_to(const ChannelRef& channel, QueuedParcel parcel,
                                             std::uint64_t now_ns) {
  ++channel->calls;
  return {.channel = channel, .hand_off = aged(std::move(parcel), now_ns)};
}

void ReplicaSet::give_back(std::vector<Returned> returned) {
  for (Returned& each : returned) {
    counters_.returned.add(each.hand_off.spans.item_count());
    each.channel->channel->undelivered(std::move(each.hand_off));
    end_call(each.channel);
  }
}

// --- From peers

PeerReply ReplicaSet::answer(PeerMethod method, PeerBytes message) {
  {
    const std::scoped_lock lock(mutex_);
    if (!has_joined_ || is_stopped_) return retryable("the replica is not running");
  }
  PeerReply reply =
      method == PeerMethod::kHello ? answer_hello(message) : answer_hand_off(std::move(message));
  if (!reply && reply.error().kind == ErrorKind::kPermanent) {
    counters_.malformed.add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a message of a peer: {}", settings_.id,
                         reply.error().message);
  }
  return reply;
}

PeerReply ReplicaSet::answer_hello(const PeerBytes& message) {
  const Result<Hello> hello = decode_hello(message);
  if (!hello) return std::unexpected(hello.error());
  if (hello->group != settings_.id) {
    return permanent(
        fmt::format("this replica belongs to {}, not to {}", settings_.id, hello->group));
  }
  if (hello->address == settings_.address && hello->instance != settings_.instance) {
    KERNSPAN_LOG_LIMITED(kError, "{}: another replica calls itself {} as well: give each its own",
                         settings_.id, settings_.address);
  }
  Hello own;
  {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t now = clock_.monotonic_ns();
    membership_.heard(hello->address, hello->instance, hello->leaving, now);
    membership_.rumoured(hello->members, now);
    own = own_hello();
  }
  update_ring();
  return otlp::Slice(encode(own));
}

PeerReply ReplicaSet::answer_hand_off(PeerBytes message) {
  Result<HandOffMessage> decoded = decode_hand_off(std::move(message));
  if (!decoded) return std::unexpected(decoded.error());
  if (decoded->group != settings_.id) return permanent("a hand-off of another group of replicas");
  return otlp::Slice(encode(take(*std::move(decoded))));
}

HandOffAnswer ReplicaSet::take(HandOffMessage message) {
  const std::uint64_t sender = message.instance;
  const std::uint64_t sequence = message.sequence;
  {
    const std::scoped_lock lock(mutex_);
    switch (seen_.begin(sender, sequence)) {
      case SeenParcels::Begun::kNew:
        break;
      case SeenParcels::Begun::kTaken:
        counters_.duplicates.add();
        return {.outcome = Outcome::kTaken, .message = {}};
      case SeenParcels::Begun::kInProgress:
        return {.outcome = Outcome::kNotNow, .message = "it is being taken"};
    }
  }
  const std::size_t spans = message.hand_off.spans.item_count();
  HandOffAnswer answer{.outcome = Outcome::kNoChannel, .message = "nobody takes hand-offs here"};
  if (const ChannelRef channel = begin_call(message.channel)) {
    const Status taken = channel->channel->take(std::move(message.hand_off));
    end_call(channel);
    answer.outcome = Outcome::kTaken;
    if (!taken) {
      answer = {.outcome = taken.error().kind == ErrorKind::kRetryable ? Outcome::kNotNow
                                                                       : Outcome::kRefused,
                .message = taken.error().message};
    }
  }
  const bool is_taken = answer.outcome == Outcome::kTaken;
  if (is_taken) counters_.taken.add(spans);
  const std::scoped_lock lock(mutex_);
  seen_.end(sender, sequence, is_taken);
  return answer;
}

}  // namespace kernspan::replicas
