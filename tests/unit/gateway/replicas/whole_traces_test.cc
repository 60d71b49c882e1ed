// Whatever replicas come and go, and in whatever order things arrive: the traces that are kept, and
// their spans, are those that one replica that sees everything would keep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "pipeline/otlp/span_index.h"
#include "tests/unit/gateway/replicas/simulated_replicas.h"
#include "tests/unit/pipeline/otlp/reference_request.h"
#include "tests/unit/sanitized.h"

namespace kernspan::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAreArray;
using testing::IsEmpty;

using Random = std::mt19937_64;

std::uint64_t below(Random& random, std::uint64_t bound) {
  return random() % bound;
}

struct NamedPolicies {
  const char* name;
  const char* policies;
  // A span that comes twice changes nothing.
  bool ignores_duplicates = true;
};

// The kinds of deterministic policies: by what any span has, by what the trace has as a whole, by
// its id, and combined.
constexpr std::array kPolicies = {
    NamedPolicies{"always", "policies: [{name: all, type: always_sample}]"},
    NamedPolicies{"errors",
                  "policies: [{name: e, type: status_code, status_code: {status_codes: [ERROR]}}]"},
    NamedPolicies{"span_count",
                  "policies: [{name: s, type: span_count, span_count: {min_spans: 5}}]", false},
    NamedPolicies{"latency", "policies: [{name: l, type: latency, latency: {threshold_ms: 500}}]"},
    NamedPolicies{"probabilistic",
                  "policies: [{name: p, type: probabilistic, probabilistic: {sampling_percentage: "
                  "40}}]"},
    NamedPolicies{"string_attribute",
                  "policies: [{name: a, type: string_attribute, string_attribute: {key: tier, "
                  "values: [gold]}}]"},
    NamedPolicies{"combined",
                  "policies:\n"
                  "  - {name: d, type: drop, drop: {drop_sub_policy: [{name: g, type: "
                  "string_attribute, string_attribute: {key: tier, values: [tin]}}]}}\n"
                  "  - {name: b, type: and, and: {and_sub_policy: [{name: l, type: latency, "
                  "latency: {threshold_ms: 300}}, {name: p, type: probabilistic, probabilistic: "
                  "{sampling_percentage: 60}}]}}\n"
                  "  - {name: e, type: status_code, status_code: {status_codes: [ERROR]}}"},
};

struct ArrivingRequest {
  nanoseconds at{0};
  std::string bytes;
};

std::string random_id(Random& random, std::size_t size) {
  std::string id(size, '\0');
  for (char& byte : id) byte = static_cast<char>(1 + below(random, 255));
  return id;
}

// Traces whose spans come in random requests within `spread`, some of them long after.
std::vector<ArrivingRequest> random_load(Random& random, std::size_t traces, nanoseconds spread,
                                         nanoseconds late) {
  struct Piece {
    nanoseconds at{0};
    opentelemetry::proto::trace::v1::Span span;
  };
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < traces; ++i) {
    const std::string trace_id = random_id(random, 16);
    const nanoseconds begin(static_cast<std::int64_t>(below(random, 20'000'000'000)));
    const std::size_t spans = 1 + below(random, 8);
    for (std::size_t k = 0; k < spans; ++k) {
      Piece& piece = pieces.emplace_back();
      piece.at = begin + nanoseconds(static_cast<std::int64_t>(
                             below(random, static_cast<std::uint64_t>(spread.count()))));
      if (k > 0 && below(random, 6) == 0) piece.at += late;
      piece.span.set_trace_id(trace_id);
      piece.span.set_span_id(random_id(random, 8));
      piece.span.set_name("work");
      piece.span.set_start_time_unix_nano(1'000'000'000'000 + below(random, 400'000'000));
      piece.span.set_end_time_unix_nano(piece.span.start_time_unix_nano() +
                                        below(random, 300'000'000));
      if (below(random, 6) == 0) {
        auto& attribute = *piece.span.add_attributes();
        attribute.set_key("tier");
        attribute.mutable_value()->set_string_value(below(random, 2) == 0 ? "gold" : "tin");
      }
      if (below(random, 12) == 0) {
        piece.span.mutable_status()->set_code(
            opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
      }
    }
  }
  std::ranges::sort(pieces, {}, &Piece::at);
  std::vector<ArrivingRequest> requests;
  for (std::size_t i = 0; i < pieces.size();) {
    otlp::ReferenceRequest request;
    const nanoseconds at = pieces[i].at;
    const std::size_t size = 1 + below(random, 4);
    for (std::size_t k = 0; k < size && i < pieces.size() && pieces[i].at - at < milliseconds(50);
         ++k, ++i) {
      auto& resource = *request.add_resource_spans();
      *resource.add_scope_spans()->add_spans() = std::move(pieces[i].span);
    }
    requests.push_back({.at = at, .bytes = request.SerializeAsString()});
  }
  return requests;
}

struct Result {
  std::multiset<SpanName> kept;
  std::map<TraceId, int> decisions;
  StageBalance sum;
  std::uint64_t dropped = 0;
};

// A tier of replicas that come and go at random while the load arrives at any of them.
class Tier {
 public:
  Tier(std::uint64_t seed, std::size_t replicas, SimulationSettings settings, double loss)
      : random_(seed), network_(seed + 1), settings_(std::move(settings)) {
    network_.loss = loss;
    for (std::size_t i = 0; i < replicas; ++i) addresses_.push_back(address(i));
    for (std::size_t i = 0; i < replicas; ++i) start(addresses_[i]);
  }

  // `changes`: whether replicas come and go.
  void run(const std::vector<ArrivingRequest>& load, bool changes) {
    std::size_t next = 0;
    nanoseconds now{0};
    std::vector<std::string> refused;
    const nanoseconds last = load.back().at + settings_.sampling.decision_wait;
    while (now < last) {
      const milliseconds step(20 + below(random_, 100));
      clock_.advance(step);
      now += step;
      offer(std::exchange(refused, {}), refused);
      for (; next < load.size() && load[next].at <= now; ++next) offer({load[next].bytes}, refused);
      if (changes && below(random_, 60) == 0) change();
      advance(below(random_, 30));
    }
    for (int i = 0; i < 4000 && (!refused.empty() || !is_at_rest()); ++i) {
      clock_.advance(milliseconds(50));
      offer(std::exchange(refused, {}), refused);
      advance(50);
    }
    EXPECT_THAT(refused, IsEmpty());
    for (auto& replica : replicas_) retire(*replica);
    replicas_.clear();
  }

  const Result& result() const { return result_; }

 private:
  static std::string address(std::size_t i) { return "10.0.0." + std::to_string(i + 1) + ":4319"; }

  void start(const std::string& address) {
    replicas_.push_back(std::make_unique<SimulatedReplica>(
        network_, clock_, address, ++next_instance_, addresses_, settings_));
  }

  void offer(const std::vector<std::string>& requests, std::vector<std::string>& refused) {
    for (const std::string& request : requests) {
      auto& replica = replicas_[below(random_, replicas_.size())];
      auto batch = otlp::Batch::from_wire(request);
      ASSERT_TRUE(batch) << batch.error().message;
      if (!replica->consume(std::move(*batch))) refused.push_back(request);
    }
  }

  // One replica begins to leave, comes back after a while, or is added.
  void change() {
    const std::size_t leaving = static_cast<std::size_t>(
        std::ranges::count_if(replicas_, [](const auto& each) { return each->is_leaving(); }));
    if (below(random_, 2) == 0 && replicas_.size() - leaving > 1) {
      auto& replica = replicas_[below(random_, replicas_.size())];
      if (replica->is_leaving()) return;
      replica->announce_leave();
      // Some of the others may learn of it from their next call only.
      for (std::size_t i = below(random_, 40); i > 0 && network_.step(); --i) continue;
      replica->leave();
      return;
    }
    for (const std::string& address : addresses_) {
      const auto lives = [&](const auto& each) { return each->address() == address; };
      if (std::ranges::none_of(replicas_, lives)) return start(address);
    }
    if (addresses_.size() < 6) {
      addresses_.push_back(address(addresses_.size()));
      start(addresses_.back());
    }
  }

  void advance(std::uint64_t events) {
    for (; events > 0 && network_.step(); --events) continue;
    for (auto& replica : replicas_) replica->round();
    for (auto replica = replicas_.begin(); replica != replicas_.end();) {
      if ((*replica)->is_leaving() && (*replica)->is_drained() && replicas_.size() > 1) {
        retire(**replica);
        replica = replicas_.erase(replica);
      } else {
        ++replica;
      }
    }
  }

  bool is_at_rest() {
    return std::ranges::all_of(replicas_, [](const auto& each) { return each->is_drained(); });
  }

  void retire(SimulatedReplica& replica) {
    replica.stop();
    const SimulatedSampler& sampler = replica.sampler();
    result_.kept.insert(sampler.kept.begin(), sampler.kept.end());
    for (const auto& [id, count] : sampler.decisions) result_.decisions[id] += count;
    const StageBalance balance = replica.balance();
    EXPECT_EQ(balance.difference(), 0) << replica.address();
    EXPECT_EQ(balance.held, 0u) << replica.address();
    result_.sum.taken += balance.taken;
    result_.sum.from_peers += balance.from_peers;
    result_.sum.to_peers += balance.to_peers;
    result_.dropped += balance.dropped_total();
  }

  Random random_;
  FakeClock clock_;
  SimulatedNetwork network_;
  const SimulationSettings settings_;
  std::vector<std::string> addresses_;
  std::uint64_t next_instance_ = 100;
  std::vector<std::unique_ptr<SimulatedReplica>> replicas_;
  Result result_;
};

// What is in one and not in the other, by trace: short enough to be read.
std::vector<std::string> differences(const std::multiset<SpanName>& is,
                                     const std::multiset<SpanName>& should) {
  std::map<TraceId, std::pair<std::size_t, std::size_t>> counts;
  for (const SpanName& span : is) ++counts[span.trace_id].first;
  for (const SpanName& span : should) ++counts[span.trace_id].second;
  std::vector<std::string> texts;
  for (const auto& [id, count] : counts) {
    if (count.first == count.second) continue;
    texts.push_back(id.hex() + ": " + std::to_string(count.first) + " spans, should be " +
                    std::to_string(count.second));
  }
  return texts;
}

std::uint64_t runs() {
  const char* runs = std::getenv("KERNSPAN_REPLICA_RUNS");
  constexpr std::uint64_t kRuns = kSanitized ? 3 : 40;
  return runs == nullptr ? kRuns : std::strtoull(runs, nullptr, 10);
}

class WholeTraces : public testing::TestWithParam<std::size_t> {
 protected:
  // Late spans come when their traces have been decided for sure.
  static std::vector<ArrivingRequest> load(std::uint64_t seed) {
    Random random(seed);
    return random_load(random, 60, seconds(4), seconds(60));
  }
  static SimulationSettings settings(std::uint64_t seed) {
    Random random(seed);
    SimulationSettings settings;
    settings.policies = kPolicies[GetParam()].policies;
    settings.sampling.decision_wait = seconds(10);
    settings.sampling.num_shards = 1 + below(random, 3);
    if (below(random, 2) == 0) {
      settings.sampling.sampled_cache_size = 10'000;
      settings.sampling.non_sampled_cache_size = 10'000;
    }
    if (below(random, 3) == 0) settings.queue_bytes = 1500;
    return settings;
  }
};

TEST_P(WholeTraces, AreKeptAsOneReplicaWouldKeepThem) {
  for (std::uint64_t seed = 1; seed <= runs(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const std::vector<ArrivingRequest> load = this->load(seed);
    Tier one(seed, 1, settings(seed), 0);
    one.run(load, false);
    Tier many(seed, 1 + seed % 5, settings(seed), 0);
    many.run(load, true);
    for (const auto& [id, count] : many.result().decisions) EXPECT_EQ(count, 1) << id.hex();
    EXPECT_THAT(differences(many.result().kept, one.result().kept), IsEmpty());
    EXPECT_EQ(many.result().dropped, one.result().dropped);
    EXPECT_TRUE(many.result().kept == one.result().kept);
    ASSERT_EQ(many.result().sum.taken, one.result().sum.taken);
    ASSERT_EQ(many.result().sum.from_peers, many.result().sum.to_peers);
    if (HasFailure()) return;
  }
}

// Requests and answers are lost: spans may come twice where a replica left at that moment, but none
// is lost and no trace is split.
TEST_P(WholeTraces, SurviveALossyNetwork) {
  if (!kPolicies[GetParam()].ignores_duplicates) return;
  for (std::uint64_t seed = 1; seed <= runs(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    const std::vector<ArrivingRequest> load = this->load(seed);
    Tier one(seed, 1, settings(seed), 0);
    one.run(load, false);
    Tier many(seed, 2 + seed % 4, settings(seed), 0.1);
    many.run(load, true);
    const auto once = [](const std::multiset<SpanName>& spans) {
      const std::set<SpanName> different(spans.begin(), spans.end());
      return std::multiset<SpanName>(different.begin(), different.end());
    };
    EXPECT_THAT(differences(once(many.result().kept), one.result().kept), IsEmpty());
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, WholeTraces, testing::Range<std::size_t>(0, kPolicies.size()),
                         [](const auto& policy) { return kPolicies[policy.param].name; });

}  // namespace
}  // namespace kernspan::replicas
