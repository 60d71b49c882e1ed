// The part of the processor that deals with other replicas of the tier.
#include <algorithm>
#include <map>
#include <utility>

#include "gateway/stitch/stitch_processor.h"
#include "gateway/stitch/stitch_writer.h"

namespace kernspan::stitch {
namespace {

// Announcements are about 150 bytes each.
constexpr std::size_t kMaxAnnouncements = TraceDoor::kPortionBytes / 256;

}  // namespace

// From the door: this replica's own spans, and what peers hand over. It is in the books as held.
void StitchProcessor::keep(otlp::Batch spans, const TraceHolder::Arrival& arrival) {
  Intake intake = sort_out(std::move(spans), true, settings_.keep_announcements);
  books_.release(intake.handed_over);
  dropped_announcements_.add(intake.handed_over);
  counters_.announcements_malformed.add(intake.malformed);
  if (!intake.announcements.empty()) {
    std::vector<Ready> ready;
    {
      const std::scoped_lock lock(mutex_);
      const auto planned = next_wake();
      const std::uint64_t now = clock_.monotonic_ns();
      for (const Announcement& each : intake.announcements) {
        table_.add_announcement(each, now, ready);
      }
      wake_before(planned);
    }
    deliver(std::move(ready));
  }
  if (!intake.derived.empty()) {
    const std::uint64_t now = clock_.monotonic_ns();
    const auto seen_at = [now](std::chrono::nanoseconds age) {
      return now -
             std::min(now, static_cast<std::uint64_t>(std::max<std::int64_t>(age.count(), 0)));
    };
    std::map<TraceId, std::uint64_t> known;
    for (const TraceAge& each : arrival.ages) known[each.trace_id] = seen_at(each.age);
    add_spans(std::move(intake.derived), [&](const TraceId& id) {
      const auto found = known.find(id);
      return found == known.end() ? seen_at(arrival.age) : found->second;
    });
  }
  if (!intake.plain.empty()) send(std::move(intake.plain));
}

void StitchProcessor::look_at_ring() {
  const std::scoped_lock lock(mutex_);
  ring_changed_ = true;
  work_.notify_one();
}

// In the thread. What cannot be handed over stays here until the door asks again.
void StitchProcessor::give_up_foreign(std::unique_lock<std::mutex>& lock) {
  ring_changed_ = false;
  has_strays_ = false;
  const std::uint64_t generation = door_.generation();
  ownership_ = door_.ownership();
  std::vector<Ready> ready;
  std::vector<Announcement> announcements;
  table_.give_up([this](const TraceId& id) { return ownership_->is_mine(id); }, ready,
                 announcements);
  lock.unlock();
  tell_owners(announcements);
  while (!ready.empty()) {
    const std::size_t count = std::min<std::size_t>(ready.size(), kMaxAnnouncements);
    const auto first = ready.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Ready> portion(std::make_move_iterator(first),
                               std::make_move_iterator(ready.end()));
    ready.erase(first, ready.end());
    hand_over(std::move(portion));
  }
  lock.lock();
  looked_at_ = generation;
}

// Where some cannot be told they wait here.
void StitchProcessor::tell_owners(const std::vector<Announcement>& announcements) {
  for (std::size_t begin = 0; begin < announcements.size(); begin += kMaxAnnouncements) {
    const std::size_t count = std::min(announcements.size() - begin, kMaxAnnouncements);
    const std::span<const Announcement> portion(announcements.data() + begin, count);
    HandOff hand_off{.spans = encode_announcements(portion)};
    books_.take_from_peer(count);
    books_.hold(count);
    if (door_.hand_over(hand_off)) continue;
    books_.release(count);
    dropped_announcements_.add(count);
    std::vector<Ready> ready;
    {
      const std::scoped_lock lock(mutex_);
      const auto planned = next_wake();
      for (const Announcement& each : portion) {
        table_.add_announcement(each, clock_.monotonic_ns(), ready);
      }
      wake_before(planned);
      has_strays_ = true;
    }
    deliver(std::move(ready));
  }
}

// Spans whose trace is another replica's, or may be. What cannot be handed over waits here.
void StitchProcessor::hand_over(std::vector<Ready> ready) {
  const std::uint64_t now = clock_.monotonic_ns();
  std::map<TraceId, std::uint64_t> since;
  for (const Ready& each : ready) {
    if (each.since_ns != 0) since[each.trace_id] = each.since_ns;
  }
  HandOff hand_off{.spans = write_ready(std::move(ready), settings_, counters_)};
  for (const auto& [id, first_ns] : since) {
    const std::uint64_t age = now - std::min(now, first_ns);
    hand_off.ages.push_back(
        {.trace_id = id, .age = std::chrono::nanoseconds(static_cast<std::int64_t>(age))});
  }
  if (door_.hand_over(hand_off)) return;
  add_spans(std::move(hand_off.spans), [&](const TraceId& id) {
    const auto found = since.find(id);
    return found == since.end() ? now : found->second;
  });
  has_strays_ = true;
}

}  // namespace kernspan::stitch
