// What limits promise, over random arrivals.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/unit/pipeline/processors/tail_sampling/policies/policies_fixture.h"

namespace kernspan::sampling {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

// Traces of random sizes at random times, in bursts and pauses.
class Arrivals {
 public:
  explicit Arrivals(unsigned seed) : random_(seed) {
    SCOPED_TRACE(seed);
    for (std::uint32_t i = 0; i < 60; ++i) held_.push_back({source_.view().spans[0].index, 0});
  }

  // The next trace's spans and time.
  TraceView next() {
    const auto scale = random_() % 10 == 0 ? 2e9 : 2e7;
    now_ns_ +=
        static_cast<std::uint64_t>(std::exponential_distribution<double>(1)(random_) * scale);
    TraceView trace = source_.view();
    trace.spans = {held_.data(), 1 + random_() % held_.size()};
    trace.byte_count = trace.spans.size() * 700;
    for (std::uint8_t& byte : trace.trace_id.bytes) byte = static_cast<std::uint8_t>(random_());
    return trace;
  }
  std::uint64_t now_ns() const { return PoliciesUnderTest::kStart + now_ns_; }

 private:
  std::mt19937 random_;
  TraceSource source_{{{"spans", {{{"attributes", {{"tag", 5}}}}}}}, {}};
  std::vector<HeldSpan> held_;
  std::uint64_t now_ns_ = 0;
};

TEST(RatesTest, ALimitGrantsNoMoreThanBurstAndRate) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const double rate = 1 + static_cast<double>(random() % 300);
    const double burst = 1 + static_cast<double>(random() % 300);
    PoliciesUnderTest policies(
        "[{name: r, type: rate_limiting, rate_limiting: {spans_per_second: " +
        std::to_string(static_cast<int>(rate)) +
        ", burst_capacity: " + std::to_string(static_cast<int>(burst)) + "}}]");
    Arrivals arrivals(seed);
    struct Grant {
      std::uint64_t at_ns;
      double spans;
    };
    std::vector<Grant> grants;
    for (int i = 0; i < 2000; ++i) {
      const TraceView trace = arrivals.next();
      if (!policies.policies().decide(trace, arrivals.now_ns()).sampled()) continue;
      grants.push_back({arrivals.now_ns(), static_cast<double>(trace.spans.size())});
    }
    // In every stretch of time, not only from the beginning.
    for (std::size_t begin = 0; begin < grants.size(); begin += 13) {
      double spans = 0;
      for (std::size_t end = begin; end < grants.size(); ++end) {
        spans += grants[end].spans;
        const double seconds =
            static_cast<double>(grants[end].at_ns - grants[begin].at_ns) / kNsPerSecond;
        ASSERT_LE(spans, burst + rate * seconds + 1e-3);
      }
    }
    EXPECT_FALSE(grants.empty());
  }
}

TEST(RatesTest, ACompositeGrantsNoMoreThanItsRatesInAnySecond) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::int64_t total = 20 + random() % 200;
    const std::int64_t first = 1 + random() % 100;
    const std::int64_t second = 1 + random() % 100;
    PoliciesUnderTest policies(
        "[{name: c, type: composite, composite: {max_total_spans_per_second: " +
        std::to_string(total) +
        ", composite_sub_policy: [{name: share, type: probabilistic,"
        " probabilistic: {sampling_percentage: 40}}, {name: rest, type: always_sample}],"
        " rate_allocation: [{policy: share, percent: " +
        std::to_string(first) + "}, {policy: rest, percent: " + std::to_string(second) + "}]}}]");
    Arrivals arrivals(seed);
    std::map<std::uint64_t, std::map<std::string, std::int64_t>> spans;
    for (int i = 0; i < 2000; ++i) {
      const TraceView trace = arrivals.next();
      const Verdict verdict = policies.policies().decide(trace, arrivals.now_ns());
      if (!verdict.sampled()) continue;
      spans[arrivals.now_ns() / kNsPerSecond][std::string(verdict.sub_policy)] +=
          static_cast<std::int64_t>(trace.spans.size());
    }
    for (auto& [time, parts] : spans) {
      EXPECT_LE(parts["share"], total * first / 100);
      EXPECT_LE(parts["rest"], total * second / 100);
      EXPECT_LE(parts["share"] + parts["rest"], total);
    }
  }
}

// All shards together keep to the rate as far as it can be divided.
TEST(RatesTest, ShardsShareARate) {
  constexpr std::size_t kShards = 4;
  const std::string yaml =
      "[{name: r, type: rate_limiting, rate_limiting: {spans_per_second: 40, burst_capacity: "
      "60}}]";
  std::vector<std::unique_ptr<PoliciesUnderTest>> shards;
  for (std::size_t i = 0; i < kShards; ++i) {
    shards.push_back(std::make_unique<PoliciesUnderTest>(yaml, PoliciesOptions{.shards = kShards}));
  }
  Arrivals arrivals(3);
  double spans = 0;
  const std::uint64_t begin = arrivals.now_ns();
  for (int i = 0; i < 5000; ++i) {
    const TraceView trace = arrivals.next();
    Policies& policies = shards[trace.trace_id.bytes[0] % kShards]->policies();
    if (!policies.decide(trace, arrivals.now_ns()).sampled()) continue;
    spans += static_cast<double>(trace.spans.size());
  }
  const double seconds = static_cast<double>(arrivals.now_ns() - begin) / kNsPerSecond;
  EXPECT_LE(spans, 40 * seconds + kShards * 60);
  EXPECT_GE(spans, 0.3 * 40 * seconds);
}

// Over a limit the granted traces stand for those that were turned down.
TEST(RatesTest, EstimatedCountsAreNearTheTruth) {
  for (const char* const type : {"rate_limiting", "bytes_limiting"}) {
    SCOPED_TRACE(type);
    const std::string rate =
        std::string(type) == "rate_limiting" ? "spans_per_second: 200" : "bytes_per_second: 140000";
    PoliciesUnderTest policies("[{name: r, type: " + std::string(type) + ", " + type + ": {" +
                               rate + "}}]");
    std::mt19937 random(9);
    Arrivals arrivals(9);
    double asked = 0;
    double estimate = 0;
    std::uint64_t now_ns = PoliciesUnderTest::kStart;
    for (int i = 0; i < 60'000; ++i) {
      TraceView trace = arrivals.next();
      now_ns += 8'000'000;  // 125 traces a second, 30 spans each: 19 times the limit
      const Verdict verdict = policies.policies().decide(trace, now_ns);
      if (i < 5'000) continue;  // the first burst
      const auto spans = static_cast<double>(trace.spans.size());
      asked += spans;
      if (verdict.sampled()) estimate += spans / verdict.probability.value();
    }
    EXPECT_NEAR(estimate / asked, 1, 0.1);
  }
}

}  // namespace
}  // namespace kernspan::sampling
