// Replicas in one process and one thread, on a clock that stands still, connected by a network that
// delivers when it is told to, in any order, and loses what it is told to lose.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/replicas/replica_set.h"
#include "pipeline/component/trace_door.h"
#include "pipeline/otlp/split.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"

namespace kernspan::replicas {

class SimulatedNetwork {
 public:
  explicit SimulatedNetwork(std::uint64_t seed) : random_(seed) {}

  void attach(const std::string& address, PeerService& service) { services_[address] = &service; }
  void detach(const std::string& address) { services_.erase(address); }
  // Calls to the address fail at once, as when nobody listens.
  void cut(const std::string& address, bool is_cut) {
    if (is_cut) {
      cut_.insert(address);
    } else {
      cut_.erase(address);
    }
  }

  void call(const std::string& from, const std::string& to, PeerMethod method, PeerBytes message,
            PeerTransport::Done done) {
    events_.push_back({.from = from,
                       .to = to,
                       .method = method,
                       .message = std::move(message),
                       .done = std::move(done)});
  }

  // One event, any of those under way: a call arrives, or its answer. False: there is none.
  bool step() {
    if (events_.empty()) return false;
    const std::size_t chosen = random_() % events_.size();
    Event event = take(chosen);
    if (event.is_answer) {
      event.done(std::move(event.reply));
      return true;
    }
    const auto service = services_.find(event.to);
    const bool is_cut = cut_.contains(event.to) || cut_.contains(event.from);
    if (service == services_.end() || is_cut || is_lost()) {
      event.reply = retryable("nobody there");
    } else {
      event.reply = service->second->answer(event.method, std::move(event.message));
      if (is_lost()) event.reply = retryable("the answer was lost");
    }
    event.is_answer = true;
    event.message.clear();
    events_.push_back(std::move(event));
    return true;
  }

  void cancel(const std::string& from) {
    for (std::size_t i = 0; i < events_.size();) {
      if (events_[i].from != from) {
        ++i;
        continue;
      }
      const Event event = take(i);
      event.done(retryable("cancelled"));
      i = 0;  // others may have come or gone
    }
  }

  double loss = 0;  // of requests, and of answers

 private:
  struct Event {
    std::string from;
    std::string to;
    PeerMethod method = PeerMethod::kHello;
    PeerBytes message = {};
    PeerTransport::Done done = {};
    bool is_answer = false;
    PeerReply reply = otlp::Slice();
  };

  bool is_lost() { return std::uniform_real_distribution<>()(random_) < loss; }
  Event take(std::size_t position) {
    Event event = std::move(events_[position]);
    events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(position));
    return event;
  }

  std::mt19937_64 random_;
  std::map<std::string, PeerService*> services_;
  std::set<std::string> cut_;
  std::vector<Event> events_;
};

class SimulatedTransport final : public PeerTransport {
 public:
  SimulatedTransport(SimulatedNetwork& network, std::string self)
      : network_(network), self_(std::move(self)) {}

  Status start() override { return {}; }
  void call(const std::string& peer, PeerMethod method, PeerBytes message, std::chrono::nanoseconds,
            Done done) override {
    network_.call(self_, peer, method, std::move(message), std::move(done));
  }
  void forget(const std::string&) override {}
  void cancel_all() override { network_.cancel(self_); }
  void stop() override {}

 private:
  SimulatedNetwork& network_;
  const std::string self_;
};

// A span as it came out, or was let go.
struct SpanName {
  TraceId trace_id;
  SpanId span_id;
  auto operator<=>(const SpanName&) const = default;
};

// Whether to keep a trace, by all of its spans.
using KeepTrace = std::function<bool(const std::vector<otlp::Batch>& spans)>;

// The smallest component behind a door: holds traces for a while, decides, remembers.
class SimulatedHolder final : public TraceHolder {
 public:
  SimulatedHolder(StageBooks& books, const Clock& clock, std::chrono::nanoseconds decision_wait,
                  KeepTrace keep_trace)
      : books_(books),
        clock_(clock),
        wait_ns_(static_cast<std::uint64_t>(decision_wait.count())),
        keep_trace_(std::move(keep_trace)) {}

  Status room(std::size_t) override { return {}; }

  void keep(otlp::Batch spans, const Arrival& arrival) override {
    std::map<TraceId, std::chrono::nanoseconds> ages;
    for (const TraceAge& age : arrival.ages) ages[age.trace_id] = age.age;
    for (otlp::TracePart& part : otlp::split_by_trace(spans)) {
      if (const auto decided = decided_.find(part.trace_id); decided != decided_.end()) {
        end(part.batch, decided->second);
        continue;
      }
      const auto known = ages.find(part.trace_id);
      const auto age = known == ages.end() ? arrival.age : known->second;
      const std::uint64_t seen = clock_.monotonic_ns() - static_cast<std::uint64_t>(age.count());
      Held& held = held_.try_emplace(part.trace_id, Held{.first_seen_ns = seen}).first->second;
      held.first_seen_ns = std::min(held.first_seen_ns, seen);
      held.spans.push_back(std::move(part.batch));
    }
  }

  void keep_decided(std::span<const DecidedTrace> decided) override {
    for (const DecidedTrace& trace : decided) {
      decided_.emplace(trace.trace_id, trace.verdict == 1);
      if (auto held = held_.extract(trace.trace_id)) {
        for (otlp::Batch& batch : held.mapped().spans) end(batch, decided_[trace.trace_id]);
      }
    }
  }

  void look_at_ring() override {}
  std::uint64_t looked_at() const override { return seen_generation_; }

  // What a component's thread does in a round.
  void round(TraceDoor& door) {
    const std::uint64_t generation = door.generation();
    if (generation != seen_generation_ && sweep(door)) seen_generation_ = generation;
    decide(door, false);
  }

  void decide(TraceDoor& door, bool at_once) {
    const std::uint64_t now = clock_.monotonic_ns();
    std::vector<TraceId> due;
    for (const auto& [id, held] : held_) {
      const std::uint64_t due_ns = held.first_seen_ns + wait_ns_;
      if (!at_once && now < due_ns) continue;
      const auto may = door.ownership()->may_decide(id, due_ns, now);
      if (!at_once && may == TraceOwnership::MayDecide::kNotYet) continue;
      if (may == TraceOwnership::MayDecide::kAlone) door.decided_alone();
      due.push_back(id);
    }
    for (const TraceId& id : due) {
      const Held held = std::move(held_.extract(id).mapped());
      const bool keep_it = keep_trace_(held.spans);
      ++decisions[id];
      decided_[id] = keep_it;
      for (const otlp::Batch& batch : held.spans) end(batch, keep_it);
    }
  }

  std::size_t held() const { return held_.size(); }

  std::multiset<SpanName> kept;
  std::multiset<SpanName> dropped;
  std::map<TraceId, int> decisions;

 private:
  struct Held {
    std::uint64_t first_seen_ns = 0;
    std::vector<otlp::Batch> spans = {};
  };

  // True when nothing foreign is left.
  bool sweep(TraceDoor& door) {
    const auto ownership = door.ownership();
    const std::uint64_t now = clock_.monotonic_ns();
    std::vector<TraceId> foreign;
    for (const auto& [id, held] : held_) {
      if (!ownership->is_mine(id)) foreign.push_back(id);
    }
    for (const TraceId& id : foreign) {
      const Held& held = held_.at(id);
      HandOff hand_off;
      for (const otlp::Batch& batch : held.spans) hand_off.spans.append(batch.clone());
      hand_off.ages.push_back(
          {.trace_id = id,
           .age = std::chrono::nanoseconds(static_cast<std::int64_t>(now - held.first_seen_ns))});
      if (!door.hand_over(hand_off)) return false;
      held_.erase(id);
    }
    HandOff decided;
    for (const auto& [id, is_kept] : decided_) {
      if (ownership->is_mine(id)) continue;
      decided.decided.push_back({.trace_id = id, .verdict = static_cast<std::uint8_t>(is_kept)});
    }
    if (decided.empty()) return true;
    const std::vector<DecidedTrace> gone = decided.decided;
    if (!door.hand_over(decided)) return false;
    for (const DecidedTrace& trace : gone) decided_.erase(trace.trace_id);
    return true;
  }

  void end(const otlp::Batch& batch, bool keep_it) {
    const otlp::SpanIndex index(batch);
    for (const otlp::IndexedSpan& span : index.spans()) {
      (keep_it ? kept : dropped).insert({span.trace_id, span.span_id});
    }
    books_.release(index.size());
    keep_it ? books_.pass_on(index.size()) : books_.dropped("not_sampled").add(index.size());
  }

  StageBooks& books_;
  const Clock& clock_;
  const std::uint64_t wait_ns_;
  const KeepTrace keep_trace_;
  std::uint64_t seen_generation_ = 0;
  std::map<TraceId, Held> held_;
  std::map<TraceId, bool> decided_;
};

struct SimulationSettings {
  std::chrono::nanoseconds decision_wait = std::chrono::seconds{10};
  std::chrono::nanoseconds settle_window = std::chrono::seconds{5};
  std::size_t queue_bytes = 1 << 20;
  KeepTrace keep_trace;
};

// One process.
class SimulatedReplica {
 public:
  SimulatedReplica(SimulatedNetwork& network, const Clock& clock, const std::string& address,
                   std::uint64_t instance, const std::vector<std::string>& listed,
                   const SimulationSettings& settings)
      : address_(address),
        network_(network),
        stage_("tail_sampling", &clock),
        transport_(network, address),
        set_(settings_of(address, instance, settings), transport_, clock, stage_.metrics),
        holder_(stage_.books, clock, settings.decision_wait, settings.keep_trace),
        door_(stage_.context(), &set_, holder_) {
    network_.attach(address, set_);
    set_.set_listed(listed);
    door_.start();
    set_.join();
  }
  ~SimulatedReplica() { stop(); }

  Status consume(otlp::Batch batch) { return door_.consume(std::move(batch)); }
  void round() {
    set_.tick();
    holder_.round(door_);
  }

  void announce_leave() { set_.announce_leave(); }
  void leave() {
    set_.leave();
    is_leaving_ = true;
  }
  bool is_leaving() const { return is_leaving_; }
  // Everything has been handed over.
  bool is_drained() const { return balance().held == 0 && door_.is_quiet(); }
  void stop() {
    if (std::exchange(is_stopped_, true)) return;
    door_.stop(std::chrono::steady_clock::now());
    holder_.decide(door_, true);
    set_.stop();
    network_.detach(address_);
  }

  const std::string& address() const { return address_; }
  ReplicaSet& set() { return set_; }
  TraceDoor& door() { return door_; }
  SimulatedHolder& holder() { return holder_; }
  StageBalance balance() const { return stage_.books.balance(); }
  double metric(const std::string& name, MetricLabels labels = {}) const {
    return stage_.metric(name, std::move(labels));
  }

 private:
  static ReplicaSetSettings settings_of(const std::string& address, std::uint64_t instance,
                                        const SimulationSettings& settings) {
    ReplicaSetSettings set{.id = "replicas", .address = address, .instance = instance};
    set.queue.max_bytes = settings.queue_bytes;
    set.settle_window = settings.settle_window;
    return set;
  }

  const std::string address_;
  SimulatedNetwork& network_;
  ComponentStage stage_;
  SimulatedTransport transport_;
  ReplicaSet set_;
  SimulatedHolder holder_;
  TraceDoor door_;
  bool is_leaving_ = false;
  bool is_stopped_ = false;
};

}  // namespace kernspan::replicas
