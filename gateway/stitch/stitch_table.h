// Who waits for whom. Each derived trace D that was heard of has one entry, in one of these states:
//
//   waiting    spans of D have come, its announcement has not
//   announced  the other way round: D is known to be called from span S of trace T
//   linked     both have come: spans of D go where T goes
//   released   the announcement did not come in time: D is what it is, and stays so
//
// T may be derived itself. Then the spans of D go on to T's entry, whatever its state, and so on up
// to a trace that is not derived (its spans go on, under its id), or to one that waits (there they
// wait too), was released, or is another replica's. So parts may come in any order: each is where
// the links known so far lead it, and moves on when one more becomes known. Announcements that would
// close a circle are refused; one that goes through other replicas as well ends at kMaxChain links.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "gateway/stitch/announcement.h"
#include "gateway/stitch/clock_skew.h"
#include "gateway/stitch/held_spans.h"
#include "gateway/stitch/stitch_counters.h"
#include "gateway/stitch/stitch_settings.h"
#include "pipeline/base/ids.h"
#include "pipeline/base/keyed_hash.h"

namespace kernspan::stitch {

// Whether this replica holds a derived trace.
using OwnsTrace = std::function<bool(const TraceId& trace_id)>;
// Whether a trace whose time is over may be released, or others may still hold its announcement.
using MayRelease =
    std::function<bool(const TraceId& trace_id, std::uint64_t due_ns, std::uint64_t now_ns)>;
// When spans of a trace came first, here or at another replica.
using SinceWhen = std::function<std::uint64_t(const TraceId& trace_id)>;

// One thread at a time. Times are monotonic nanoseconds.
class StitchTable {
 public:
  // Both may be empty: all traces are this replica's.
  StitchTable(const StitchSettings& settings, KeyedIdHash hash, StitchCounters& counters,
              OwnsTrace owns = {}, MayRelease may_release = {});

  // Takes spans; what can go on at once is appended to `ready`. Without `since` they are new.
  void add_spans(const std::shared_ptr<Source>& source, std::uint64_t now_ns,
                 std::vector<Ready>& ready, const SinceWhen& since = {});
  void add_announcement(const Announcement& announcement, std::uint64_t now_ns,
                        std::vector<Ready>& ready);

  // Releases what has waited for its time, and forgets announcements that have.
  void expire(std::uint64_t now_ns, std::vector<Ready>& ready);
  // When expire() has something to do; nothing while nothing waits.
  std::optional<std::uint64_t> next_due_ns() const;
  // Releases everything: the end.
  void release_all(std::vector<Ready>& ready);

  // Gives up what `owns` says is another's: spans that wait go to `ready` as kElsewhere, what is
  // known of callers to `announcements`.
  void give_up(const OwnsTrace& owns, std::vector<Ready>& ready,
               std::vector<Announcement>& announcements);

  std::size_t waiting_traces() const { return waiting_.size(); }
  std::size_t waiting_bytes() const { return bytes_; }
  std::size_t announcements() const { return announced_.size(); }
  std::size_t remembered_traces() const { return remembered_.size(); }
  const ClockSkew& clock_skew() const { return skew_; }

 private:
  enum class State { kWaiting, kAnnounced, kLinked, kReleased };

  struct Entry {
    TraceId id;
    State state = State::kWaiting;
    std::uint64_t since_ns = 0;
    std::vector<Part> parts = {};                         // while it waits
    Announcement link = {};                               // announced or linked
    std::optional<std::int64_t> shift_ns = std::nullopt;  // from this trace's clock to its caller's
    std::multimap<std::uint64_t, TraceId>::iterator turn = {};  // while it waits: in turns_
  };
  using Entries = std::list<Entry>;

  Entry* find(const TraceId& id);
  Entry& add_entry(Entries& list, const TraceId& id, State state, std::uint64_t since_ns);
  Entry& add_waiting(const TraceId& id, std::uint64_t since_ns);
  Entry& first_waiting() { return *find(turns_.begin()->second); }
  void move(Entry& entry, Entries& from, State state);
  void forget_first(Entries& list);
  void touch(Entry& entry);

  void place(Part part, TraceId at, std::uint64_t now_ns, std::uint64_t since_ns,
             std::vector<Ready>& ready);
  void follow(Entry& entry, Part& part, std::uint64_t now_ns);
  void learn_clocks(const Entry& entry, Part& part, std::uint64_t now_ns);
  std::int64_t decide_shift(const Entry& entry, const Part& part) const;
  bool closes_circle(const Announcement& announcement);
  void link(Entry& entry, const Announcement& announcement, std::uint64_t now_ns,
            std::vector<Ready>& ready);
  void leave(Part part, const TraceId& trace_id, Fate fate, std::vector<Ready>& ready);
  void release(Entry& entry, Counter& reason, std::vector<Ready>& ready);
  void keep_bounds(std::vector<Ready>& ready);
  Entries::iterator position(const Entry& entry) { return by_id_.find(entry.id)->second; }

  const StitchSettings settings_;
  StitchCounters& counters_;
  const OwnsTrace owns_;
  const MayRelease may_release_;
  ClockSkew skew_;
  Entries waiting_;
  // What waits, by since_ns: other replicas hand over what they have held for a while.
  std::multimap<std::uint64_t, TraceId> turns_;
  // Each in the order in which its entries go: by time, remembered_ by use.
  Entries announced_;
  Entries remembered_;  // linked and released
  std::unordered_map<TraceId, Entries::iterator, KeyedIdHash> by_id_;
  std::size_t bytes_ = 0;            // of all sources of which spans wait
  std::uint64_t look_again_ns_ = 0;  // something is due that may not be released yet
};

}  // namespace kernspan::stitch
