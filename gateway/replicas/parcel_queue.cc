#include "gateway/replicas/parcel_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace kernspan::replicas {
namespace {

using std::chrono::nanoseconds;

constexpr std::uint64_t kFirstRetryNs = 50'000'000;
constexpr std::uint64_t kMaxRetryNs = 1'000'000'000;

// Ages do not go together into one message by themselves: each parcel's spans have their own. The
// oldest is taken for all where they are about as old, and parcels of other ages wait for the next.
constexpr std::uint64_t kSameAgeNs = 20'000'000;

std::uint64_t age_ns(const QueuedParcel& parcel, std::uint64_t now_ns) {
  return static_cast<std::uint64_t>(parcel.hand_off.age.count()) + (now_ns - parcel.queued_ns);
}

bool may_join(const QueuedParcel& first, const QueuedParcel& next, std::uint64_t now_ns) {
  const std::uint64_t first_age = age_ns(first, now_ns);
  const std::uint64_t next_age = age_ns(next, now_ns);
  const std::uint64_t difference =
      first_age > next_age ? first_age - next_age : next_age - first_age;
  return first.channel == next.channel && first.hand_off.hops == next.hand_off.hops &&
         difference <= kSameAgeNs;
}

}  // namespace

void ParcelQueue::push(QueuedParcel parcel) {
  used_bytes_ += parcel.hand_off.byte_count();
  waiting_.push_back(std::move(parcel));
}

std::optional<OutgoingMessage> ParcelQueue::take(std::uint64_t now_ns,
                                                 std::uint64_t& next_sequence) {
  if (in_flight_ >= settings_.max_in_flight || now_ns < retry_at_ns_) return std::nullopt;
  if (!again_.empty()) {
    OutgoingMessage message = std::move(again_.front());
    again_.pop_front();
    ++in_flight_;
    return message;
  }
  if (waiting_.empty()) return std::nullopt;
  OutgoingMessage message{.sequence = next_sequence++};
  while (!waiting_.empty()) {
    QueuedParcel& next = waiting_.front();
    const std::size_t bytes = next.hand_off.byte_count();
    const bool fits =
        message.parcels.empty() || (message.bytes + bytes <= settings_.max_message_bytes &&
                                    may_join(message.parcels.front(), next, now_ns));
    if (!fits) break;
    message.bytes += bytes;
    message.parcels.push_back(std::move(next));
    waiting_.pop_front();
  }
  ++in_flight_;
  return message;
}

void ParcelQueue::forget(const OutgoingMessage& message) {
  used_bytes_ -= message.bytes;
  --in_flight_;
}

void ParcelQueue::succeeded(const OutgoingMessage& message) {
  forget(message);
  retry_at_ns_ = 0;
  retry_delay_ns_ = 0;
}

void ParcelQueue::given_up(const OutgoingMessage& message) {
  forget(message);
}

void ParcelQueue::failed(OutgoingMessage message, std::uint64_t now_ns) {
  --in_flight_;
  retry_delay_ns_ = std::clamp(2 * retry_delay_ns_, kFirstRetryNs, kMaxRetryNs);
  retry_at_ns_ = now_ns + retry_delay_ns_;
  const auto newer =
      std::ranges::upper_bound(again_, message.sequence, {}, &OutgoingMessage::sequence);
  again_.insert(newer, std::move(message));
}

std::vector<QueuedParcel> ParcelQueue::drain(const std::string& channel) {
  std::vector<QueuedParcel> drained;
  const auto is_meant = [&](const QueuedParcel& parcel) {
    return channel.empty() || parcel.channel == channel;
  };
  std::deque<OutgoingMessage> others;
  for (OutgoingMessage& message : again_) {
    // All parcels of a message are of one channel.
    if (!is_meant(message.parcels.front())) {
      others.push_back(std::move(message));
      continue;
    }
    used_bytes_ -= message.bytes;
    std::ranges::move(message.parcels, std::back_inserter(drained));
  }
  again_ = std::move(others);
  std::deque<QueuedParcel> rest;
  for (QueuedParcel& parcel : waiting_) {
    if (!is_meant(parcel)) {
      rest.push_back(std::move(parcel));
      continue;
    }
    used_bytes_ -= parcel.hand_off.byte_count();
    drained.push_back(std::move(parcel));
  }
  waiting_ = std::move(rest);
  return drained;
}

HandOff merge(const OutgoingMessage& message, std::uint64_t now_ns) {
  HandOff merged;
  std::uint64_t oldest = 0;
  for (const QueuedParcel& parcel : message.parcels) {
    const HandOff& part = parcel.hand_off;
    merged.hops = part.hops;
    oldest = std::max(oldest, age_ns(parcel, now_ns));
    merged.spans.append(part.spans.clone());
    const nanoseconds waited(static_cast<std::int64_t>(now_ns - parcel.queued_ns));
    for (const TraceAge& age : part.ages) {
      merged.ages.push_back({.trace_id = age.trace_id, .age = age.age + waited});
    }
    std::ranges::copy(part.decided, std::back_inserter(merged.decided));
  }
  merged.age = nanoseconds(static_cast<std::int64_t>(oldest));
  return merged;
}

HandOff aged(QueuedParcel parcel, std::uint64_t now_ns) {
  const nanoseconds waited(static_cast<std::int64_t>(now_ns - parcel.queued_ns));
  parcel.hand_off.age += waited;
  for (TraceAge& age : parcel.hand_off.ages) age.age += waited;
  return std::move(parcel.hand_off);
}

}  // namespace kernspan::replicas
