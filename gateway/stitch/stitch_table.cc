#include "gateway/stitch/stitch_table.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace kernspan::stitch {
namespace {

// 1.6 KB each; a cluster of 60 nodes has 1,770.
constexpr std::size_t kMaxNodePairs = 2048;
// An entry with its places in list and maps, and a part: for the bound in bytes.
constexpr std::size_t kEntryBytes = 400;
constexpr std::size_t kPartBytes = sizeof(Part);
// How soon a trace that may not be released yet is looked at again.
constexpr std::uint64_t kLookAgainNs = 100'000'000;

std::uint64_t nanoseconds_of(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(time.count());
}

// Of the server's span, which is the one without a parent; nothing when it is not among them.
std::optional<Exchange> exchange_of(const Part& part) {
  for (const std::uint32_t number : part.source->spans(part.run)) {
    const otlp::IndexedSpan& span = part.source->index().spans()[number];
    if (span.parent_span_id.is_valid()) continue;
    return Exchange{.client_start_ns = part.caller.start_time_unix_ns,
                    .client_end_ns = part.caller.end_time_unix_ns,
                    .server_start_ns = span.start_time_unix_ns,
                    .server_end_ns = span.end_time_unix_ns};
  }
  return std::nullopt;
}

}  // namespace

StitchTable::StitchTable(const StitchSettings& settings, KeyedIdHash hash, StitchCounters& counters,
                         OwnsTrace owns, MayRelease may_release)
    : settings_(settings),
      counters_(counters),
      owns_(std::move(owns)),
      may_release_(std::move(may_release)),
      skew_(kMaxNodePairs),
      by_id_(0, hash) {}

StitchTable::Entry* StitchTable::find(const TraceId& id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &*found->second;
}

StitchTable::Entry& StitchTable::add_entry(Entries& list, const TraceId& id, State state,
                                           std::uint64_t since_ns) {
  list.push_back(Entry{.id = id, .state = state, .since_ns = since_ns});
  by_id_[id] = std::prev(list.end());
  return list.back();
}

StitchTable::Entry& StitchTable::add_waiting(const TraceId& id, std::uint64_t since_ns) {
  Entry& entry = add_entry(waiting_, id, State::kWaiting, since_ns);
  entry.turn = turns_.emplace_hint(turns_.end(), since_ns, id);
  bytes_ += kEntryBytes;
  return entry;
}

// To those that are remembered, as linked or released.
void StitchTable::move(Entry& entry, Entries& from, State state) {
  if (entry.state == State::kWaiting) {
    turns_.erase(entry.turn);
    bytes_ -= kEntryBytes;
  }
  entry.state = state;
  remembered_.splice(remembered_.end(), from, position(entry));
}

void StitchTable::forget_first(Entries& list) {
  by_id_.erase(list.front().id);
  list.pop_front();
}

void StitchTable::touch(Entry& entry) {
  remembered_.splice(remembered_.end(), remembered_, position(entry));
}

void StitchTable::add_spans(const std::shared_ptr<Source>& source, std::uint64_t now_ns,
                            std::vector<Ready>& ready, const SinceWhen& since) {
  bytes_ += source->byte_count();
  for (const Source::Run run : source->runs()) {
    const TraceId& trace = source->trace_of(run);
    if (const Entry* entry = find(trace);
        entry != nullptr && (entry->state == State::kLinked || entry->state == State::kReleased)) {
      counters_.late_spans.add(run.end - run.begin);
    }
    bytes_ += kPartBytes;
    place({.source = source,
           .run = run,
           .origin = trace,
           .links = source->links(run),
           .node = source->node_of(source->spans(run).front())},
          trace, now_ns, since ? since(trace) : now_ns, ready);
  }
  keep_bounds(ready);
}

// Walks up the links from where the part is, and puts it where they end.
void StitchTable::place(Part part, TraceId at, std::uint64_t now_ns, std::uint64_t since_ns,
                        std::vector<Ready>& ready) {
  for (std::size_t hops = 0;; ++hops) {
    if (part.links > kMaxChain) {
      counters_.too_deep.add();
      return leave(std::move(part), at, Fate::kReleased, ready);
    }
    if (hops != 0 && owns_ && !owns_(at)) {
      return leave(std::move(part), at, Fate::kElsewhere, ready);
    }
    Entry* entry = find(at);
    if (entry == nullptr) {
      entry = &add_waiting(at, hops == 0 ? since_ns : now_ns);
    }
    if (entry->state == State::kWaiting) {
      entry->parts.push_back(std::move(part));
      return;
    }
    if (entry->state == State::kReleased) {
      touch(*entry);
      return leave(std::move(part), at, Fate::kReleased, ready);
    }
    if (entry->state == State::kAnnounced) {
      counters_.announcements_matched.add();
      counters_.traces_joined.add();
      move(*entry, announced_, State::kLinked);
    } else {
      touch(*entry);
    }
    ++part.links;
    follow(*entry, part, now_ns);
    if (!entry->link.trace_is_derived) {
      return leave(std::move(part), entry->link.trace, Fate::kJoined, ready);
    }
    at = entry->link.trace;
  }
}

// The part goes over a link: from the callee's trace and clock to the caller's.
void StitchTable::follow(Entry& entry, Part& part, std::uint64_t now_ns) {
  if (part.origin == entry.id) {
    part.caller.span = entry.link.span;
    part.caller.start_time_unix_ns = entry.link.start_time_unix_ns;
    part.caller.end_time_unix_ns = entry.link.end_time_unix_ns;
  }
  if (settings_.skew_action == SkewAction::kNone) return;
  if (part.origin == entry.id) learn_clocks(entry, part, now_ns);
  if (settings_.skew_action == SkewAction::kCorrect) {
    if (!entry.shift_ns) entry.shift_ns = decide_shift(entry, part);
    part.shift_ns += *entry.shift_ns;
  }
  part.node = entry.link.node;
}

void StitchTable::learn_clocks(const Entry& entry, Part& part, std::uint64_t now_ns) {
  if (!entry.link.node || !part.node || *entry.link.node == *part.node) return;
  if (const auto exchange = exchange_of(part)) {
    if (skew_.observe(*entry.link.node, *part.node, *exchange, now_ns)) {
      counters_.clock_exchanges.add();
    }
  }
  if (const auto offset = skew_.estimate(*entry.link.node, *part.node)) {
    part.caller.skew_ns = offset->middle_ns();
    part.caller.skew_is_known = true;
  }
}

// Once for a trace, so that all of its spans are moved alike. A server's span that is where it
// should be is left there; one that is not comes to lie inside of its client's, as far as it fits.
std::int64_t StitchTable::decide_shift(const Entry& entry, const Part& part) const {
  if (!entry.link.node || !part.node || *entry.link.node == *part.node) return 0;
  const auto offset = skew_.estimate(*entry.link.node, *part.node);
  if (!offset) return 0;
  const auto exchange = part.origin == entry.id ? exchange_of(part) : std::nullopt;
  if (!exchange) return offset->is_proven() ? -offset->middle_ns() : 0;
  if (!exchange->is_outside()) return 0;
  const auto own = offset_of(*exchange);
  if (!own) return 0;
  return -std::clamp(offset->middle_ns(), own->lower_ns, own->upper_ns);
}

void StitchTable::add_announcement(const Announcement& announcement, std::uint64_t now_ns,
                                   std::vector<Ready>& ready) {
  counters_.announcements_received.add();
  Entry* entry = find(announcement.peer);
  if (entry != nullptr && entry->state == State::kReleased) {
    return counters_.announcements_late.add();
  }
  if (entry != nullptr && entry->state != State::kWaiting) {
    const bool is_same = entry->link.span == announcement.span;
    return (is_same ? counters_.announcements_repeated : counters_.announcements_conflicting).add();
  }
  if (closes_circle(announcement)) return counters_.announcements_cyclic.add();
  if (entry == nullptr) {
    add_entry(announced_, announcement.peer, State::kAnnounced, now_ns).link = announcement;
    if (announced_.size() > settings_.max_announcements) {
      counters_.announcements_evicted.add();
      forget_first(announced_);
    }
    return;
  }
  link(*entry, announcement, now_ns, ready);
  keep_bounds(ready);
}

// What has waited goes on over the new link, and may wait again where it leads.
void StitchTable::link(Entry& entry, const Announcement& announcement, std::uint64_t now_ns,
                       std::vector<Ready>& ready) {
  counters_.announcements_matched.add();
  counters_.traces_joined.add();
  entry.link = announcement;
  std::vector<Part> parts = std::exchange(entry.parts, {});
  move(entry, waiting_, State::kLinked);
  // The server's span first: it says how far the clocks are apart, which holds for all parts.
  const auto server = std::ranges::find_if(parts, [&](const Part& part) {
    return part.origin == announcement.peer && exchange_of(part);
  });
  if (server != parts.end()) std::iter_swap(parts.begin(), server);
  for (Part& part : parts) place(std::move(part), announcement.peer, now_ns, now_ns, ready);
}

bool StitchTable::closes_circle(const Announcement& announcement) {
  TraceId at = announcement.trace;
  for (std::size_t hops = 0; hops <= kMaxChain; ++hops) {
    if (at == announcement.peer) return true;
    const Entry* entry = find(at);
    if (entry == nullptr) return false;
    if (entry->state != State::kAnnounced && entry->state != State::kLinked) return false;
    at = entry->link.trace;
  }
  counters_.too_deep.add();
  return true;
}

void StitchTable::leave(Part part, const TraceId& trace_id, Fate fate, std::vector<Ready>& ready) {
  const std::size_t spans = part.span_count();
  bytes_ -= kPartBytes;
  part.source->held -= spans;
  if (part.source->held == 0) bytes_ -= part.source->byte_count();
  switch (fate) {
    case Fate::kJoined:
      counters_.spans_joined.add(spans);
      break;
    case Fate::kReleased:
      counters_.spans_released.add(spans);
      break;
    case Fate::kElsewhere:
      counters_.spans_handed_over.add(spans);
      break;
  }
  ready.push_back({.part = std::move(part), .trace_id = trace_id, .fate = fate});
}

void StitchTable::release(Entry& entry, Counter& reason, std::vector<Ready>& ready) {
  reason.add();
  for (Part& part : std::exchange(entry.parts, {})) {
    leave(std::move(part), entry.id, Fate::kReleased, ready);
  }
  move(entry, waiting_, State::kReleased);
}

void StitchTable::keep_bounds(std::vector<Ready>& ready) {
  while (!waiting_.empty() &&
         (waiting_.size() > settings_.max_waiting_traces || bytes_ > settings_.max_waiting_bytes)) {
    release(first_waiting(), counters_.traces_released_pressure, ready);
  }
  while (remembered_.size() > settings_.max_remembered_traces) forget_first(remembered_);
}

void StitchTable::expire(std::uint64_t now_ns, std::vector<Ready>& ready) {
  look_again_ns_ = 0;
  for (auto turn = turns_.begin(); turn != turns_.end();) {
    const std::uint64_t due = turn->first + nanoseconds_of(settings_.wait);
    if (due > now_ns) break;
    Entry& entry = *find((turn++)->second);
    if (may_release_ && !may_release_(entry.id, due, now_ns)) {
      look_again_ns_ = now_ns + kLookAgainNs;
    } else {
      release(entry, counters_.traces_released_timeout, ready);
    }
  }
  while (!announced_.empty() &&
         announced_.front().since_ns + nanoseconds_of(settings_.announcement_wait) <= now_ns) {
    counters_.announcements_expired.add();
    forget_first(announced_);
  }
  keep_bounds(ready);
}

std::optional<std::uint64_t> StitchTable::next_due_ns() const {
  std::optional<std::uint64_t> due;
  if (!waiting_.empty()) {
    due = std::max(turns_.begin()->first + nanoseconds_of(settings_.wait), look_again_ns_);
  }
  if (!announced_.empty()) {
    const std::uint64_t expiry =
        announced_.front().since_ns + nanoseconds_of(settings_.announcement_wait);
    due = due ? std::min(*due, expiry) : expiry;
  }
  return due;
}

void StitchTable::release_all(std::vector<Ready>& ready) {
  while (!waiting_.empty()) release(first_waiting(), counters_.traces_released_shutdown, ready);
}

void StitchTable::give_up(const OwnsTrace& owns, std::vector<Ready>& ready,
                          std::vector<Announcement>& announcements) {
  for (auto entry = waiting_.begin(); entry != waiting_.end();) {
    if (owns(entry->id)) {
      ++entry;
      continue;
    }
    bytes_ -= kEntryBytes;
    for (Part& part : entry->parts) {
      leave(std::move(part), entry->id, Fate::kElsewhere, ready);
      ready.back().since_ns = entry->since_ns;
    }
    turns_.erase(entry->turn);
    by_id_.erase(entry->id);
    entry = waiting_.erase(entry);
  }
  for (Entries* list : {&announced_, &remembered_}) {
    for (auto entry = list->begin(); entry != list->end();) {
      if (owns(entry->id)) {
        ++entry;
        continue;
      }
      if (entry->state != State::kReleased) {
        announcements.push_back(entry->link);
        counters_.announcements_handed_over.add();
      }
      by_id_.erase(entry->id);
      entry = list->erase(entry);
    }
  }
}

}  // namespace kernspan::stitch
