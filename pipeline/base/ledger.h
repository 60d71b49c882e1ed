// The books of the data that passes through a daemon, stage by stage from the source to the last
// exporter. For each stage, at rest:
//
//   taken + recovered + from_peers = passed_on + to_peers + held + dropped{reason}
//
// `recovered` is what the stage found on disk when it started: an earlier process took it, and held
// it when it ended. `from_peers` and `to_peers` is what the same stage of other replicas has handed
// over, and has taken over.
//
// Input that a stage refused (it answered with an error) was never taken: the stage before keeps or
// drops it, in its own books; `refused` only says how often that happened.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/metrics.h"

namespace kernspan {

// What one stage has counted, at one moment.
struct StageBalance {
  std::string stage;
  std::string unit;
  std::uint64_t taken = 0;
  std::uint64_t recovered = 0;
  std::uint64_t from_peers = 0;
  std::uint64_t passed_on = 0;
  std::uint64_t to_peers = 0;
  std::uint64_t held = 0;
  std::uint64_t refused = 0;
  std::map<std::string, std::uint64_t>
      dropped;  // by reason; reasons that never happened are left out

  std::uint64_t dropped_total() const;
  // What went out, is held or was dropped, less what came in: negative when something vanished,
  // positive when something was counted twice. While data moves it may be off by what is between two counters.
  std::int64_t difference() const;
  bool balances() const { return difference() == 0; }
};

// The counters of one stage. Any thread.
class StageBooks {
 public:
  StageBooks(std::string stage, std::string unit)
      : stage_(std::move(stage)), unit_(std::move(unit)) {}
  StageBooks(const StageBooks&) = delete;
  StageBooks& operator=(const StageBooks&) = delete;

  void take(std::uint64_t count) { taken_.add(count); }
  void recover(std::uint64_t count) { recovered_.add(count); }
  void take_from_peer(std::uint64_t count) { from_peers_.add(count); }
  void pass_on(std::uint64_t count) { passed_on_.add(count); }
  void hand_to_peer(std::uint64_t count) { to_peers_.add(count); }
  void refuse(std::uint64_t count) { refused_.add(count); }
  // What the stage has taken and neither passed on nor dropped (its queue), kept by the stage
  // itself so that the balance is a check and not a definition.
  void hold(std::uint64_t count) { held_.fetch_add(count, std::memory_order_relaxed); }
  void release(std::uint64_t count) { held_.fetch_sub(count, std::memory_order_relaxed); }

  // The counter of one reason (a fixed snake_case word: "queue_full"), made on first use. Takes a
  // lock: ask once and keep the reference, which lives as long as the ledger.
  Counter& dropped(std::string_view reason);

  StageBalance balance() const;
  // All reasons that were asked for, those that never happened among them: a rate() over a counter
  // that comes into being with its first drop would not see that drop.
  std::map<std::string, std::uint64_t> drops() const;
  const std::string& stage() const { return stage_; }

 private:
  const std::string stage_;
  const std::string unit_;
  Counter taken_;
  Counter recovered_;
  Counter from_peers_;
  Counter passed_on_;
  Counter to_peers_;
  Counter refused_;
  std::atomic<std::uint64_t> held_{0};
  mutable std::mutex mutex_;  // guards the map, not the counters in it
  std::map<std::string, Counter, std::less<>> dropped_;
};

// All stages of a daemon in the order of the flow. Any thread.
class Ledger {
 public:
  // Appends a stage, e.g. ("receivers/otlp", "spans"). The reference lives as long as the ledger.
  StageBooks& add_stage(std::string stage, std::string unit = "spans");

  // For a component made of several stages (ring, parser, spans): inserts one in front of
  // `position`.
  StageBooks& add_stage_before(const StageBooks& position, std::string stage, std::string unit);

  std::vector<StageBalance> balances() const;
  bool balances_all() const;

  // The table that a daemon prints when it stops: a line per stage, drops by reason, and whether
  // the books balance.
  std::string summary() const;

  // The same numbers as kernspan_stage_{taken,recovered,passed_on,held,refused,dropped}, and
  // kernspan_stage_{from_peers,to_peers} of stages that have peers.
  void collect(std::vector<MetricFamily>& families) const;

 private:
  mutable std::mutex mutex_;
  std::list<StageBooks> stages_;
};

}  // namespace kernspan
