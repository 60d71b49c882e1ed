// Replicas in one process and one thread, on a clock that stands still, connected by a network that
// delivers when it is told to, in any order, and loses what it is told to lose.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gateway/replicas/replica_set.h"
#include "pipeline/component/trace_door.h"
#include "pipeline/processors/tail_sampling/policies/policies.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/shard.h"
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

// The state machine of tail sampling behind a door, with the policies that a user would write: what
// its processor does with a thread for each shard is done here in a round.
class SimulatedSampler final : public TraceHolder {
 public:
  SimulatedSampler(ComponentStage& stage, const Clock& clock,
                   const sampling::TailSamplingSettings& settings, const std::string& policies)
      : stage_(stage), clock_(clock), counters_(stage.context()) {
    const ConfigNode node = ComponentStage::yaml(policies);
    ConfigReader reader(node, stage.warnings);
    policy_settings_ = sampling::read_policies(reader);
    EXPECT_TRUE(reader.finish());
    policy_counters_ = std::make_unique<sampling::PolicyCounters>(policy_settings_, "tail_sampling",
                                                                  stage.metrics);
    for (std::size_t i = 0; i < settings.num_shards; ++i) {
      policies_.push_back(std::make_unique<sampling::Policies>(
          policy_settings_, sampling::PoliciesOptions{.shards = settings.num_shards},
          *policy_counters_));
      auto decide = [this, i](const sampling::TraceView& trace, std::uint64_t now_ns) {
        ++decisions[trace.trace_id];
        return std::optional(policies_[i]->decide(trace, now_ns));
      };
      shards_.push_back(std::make_unique<sampling::Shard>(
          settings, settings.num_shards, std::move(decide), memory_, counters_, clock));
    }
  }

  Status room(const otlp::Batch&) override { return {}; }

  void keep(otlp::Batch spans, const Arrival& arrival) override {
    std::map<TraceId, std::chrono::nanoseconds> ages;
    for (const TraceAge& age : arrival.ages) ages[age.trace_id] = age.age;
    sampling::HeldRequest* const request =
        sampling::HeldRequest::make(std::move(spans), next_sequence_++, memory_);
    std::map<std::pair<std::size_t, std::uint64_t>, std::vector<std::uint32_t>> parts;
    for (std::uint32_t i = 0; i < request->index().size(); ++i) {
      const TraceId& id = request->index().spans()[i].trace_id;
      const auto known = ages.find(id);
      const auto age = known == ages.end() ? arrival.age : known->second;
      const std::uint64_t seen = clock_.monotonic_ns() - static_cast<std::uint64_t>(age.count());
      parts[{shard_of(id), seen}].push_back(i);
    }
    for (auto& [key, part] : parts) {
      const sampling::Arrival taken{
          .request = request, .spans = std::move(part), .first_seen_ns = key.second};
      ASSERT_EQ(shards_[key.first]->take(taken, 0), taken.spans.size());
    }
  }

  void keep_decided(std::span<const DecidedTrace> decided) override {
    for (const DecidedTrace& trace : decided) {
      shards_[shard_of(trace.trace_id)]->remember(
          trace.trace_id, {.status = static_cast<sampling::TraceStatus>(trace.verdict),
                           .probability = std::bit_cast<double>(trace.detail)});
    }
  }

  void look_at_ring() override {}
  std::uint64_t looked_at() const override { return looked_at_; }

  void round(TraceDoor& door) {
    for (const auto& shard : shards_) shard->advance();
    if (const std::uint64_t generation = door.generation(); generation != looked_at_) {
      bool all_given = true;
      for (const auto& shard : shards_) {
        shard->follow_ring(door.ownership(), door.alone_decisions());
        const auto give = [&](HandOff& hand_off) { return door.hand_over(hand_off); };
        all_given = shard->give_up_foreign(give) && all_given;
      }
      if (all_given) looked_at_ = generation;
    }
    collect();
  }

  void finish() {
    for (const auto& shard : shards_) shard->finish();
    collect();
  }

  std::multiset<SpanName> kept;
  std::map<TraceId, int> decisions;

 private:
  std::size_t shard_of(const TraceId& id) const { return id.bytes[3] % shards_.size(); }

  void collect() {
    for (const auto& shard : shards_) {
      for (const otlp::Batch& batch : shard->take_kept()) {
        const otlp::SpanIndex index(batch);
        for (const otlp::IndexedSpan& span : index.spans()) {
          kept.insert({span.trace_id, span.span_id});
        }
        stage_.books.release(index.size());
        stage_.books.pass_on(index.size());
      }
    }
  }

  ComponentStage& stage_;
  const Clock& clock_;
  sampling::HeldMemory memory_{64 << 20};
  sampling::SamplingCounters counters_;
  std::vector<sampling::PolicySettings> policy_settings_;
  std::unique_ptr<sampling::PolicyCounters> policy_counters_;
  std::vector<std::unique_ptr<sampling::Policies>> policies_;
  std::vector<std::unique_ptr<sampling::Shard>> shards_;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t looked_at_ = 0;
};

struct SimulationSettings {
  sampling::TailSamplingSettings sampling = {};
  std::string policies = "policies: [{name: all, type: always_sample}]";
  std::chrono::nanoseconds settle_window = std::chrono::seconds{5};
  std::size_t queue_bytes = 1 << 20;
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
        sampler_(stage_, clock, settings.sampling, settings.policies),
        door_(stage_.context(), &set_, sampler_) {
    network_.attach(address, set_);
    set_.set_listed(listed);
    door_.start();
    set_.join();
  }
  ~SimulatedReplica() { stop(); }

  Status consume(otlp::Batch batch) { return door_.consume(std::move(batch)); }
  void round() {
    set_.tick();
    sampler_.round(door_);
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
    sampler_.finish();
    set_.stop();
    network_.detach(address_);
  }

  const std::string& address() const { return address_; }
  ReplicaSet& set() { return set_; }
  TraceDoor& door() { return door_; }
  SimulatedSampler& sampler() { return sampler_; }
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
  SimulatedSampler sampler_;
  TraceDoor door_;
  bool is_leaving_ = false;
  bool is_stopped_ = false;
};

}  // namespace kernspan::replicas
