#include "pipeline/processors/probabilistic_sampler/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "pipeline/processors/probabilistic_sampler/trace_state.h"

namespace kernspan {
namespace {

constexpr std::uint32_t kBuckets = 1 << 14;

TraceId id_of(const std::string& hex) {
  return TraceId::from_hex(hex).value();
}

struct HashCase {
  std::uint32_t seed;
  const char* trace_id;
  std::uint32_t bucket;  // computed elsewhere: FNV-1a, its low 14 bits
};

class HashSeedTest : public ::testing::TestWithParam<HashCase> {};

// A span is kept when its bucket is below the share of buckets: at one bucket more, and not at as many.
TEST_P(HashSeedTest, TheBucketDecides) {
  const auto& [seed, hex, bucket] = GetParam();
  const TraceId id = id_of(hex);
  EXPECT_EQ(seeded_hash(id.view(), seed) & (kBuckets - 1), bucket);
  const auto kept_at = [&](std::uint32_t buckets) {
    // Half a bucket more, so that no rounding of single precision matters.
    const float percentage = (static_cast<float>(buckets) + 0.5F) / (kBuckets / 100.0F);
    const Sampler sampler(
        {.mode = SamplerMode::kHashSeed, .percentage = percentage, .hash_seed = seed});
    return sampler.decide(id, "", SamplingPriority::kNone).keep;
  };
  EXPECT_TRUE(kept_at(bucket + 1));
  EXPECT_FALSE(kept_at(bucket));
}

INSTANTIATE_TEST_SUITE_P(
    Sampler, HashSeedTest,
    ::testing::Values(HashCase{4312U, "f90f48f03c28dc866d91b62c99a0ea47", 0x0091},
                      HashCase{0U, "838711ca3133f19b0abb0915140b6756", 0x1C29},
                      HashCase{4312U, "75840801ed52ecf58867412e6c400929", 0x1B07},
                      HashCase{4312U, "0d1bba597699b22be85e092ae7b45f98", 0x2583},
                      HashCase{0U, "00a5c76453d1e259991a1558b4401e9a", 0x0792},
                      HashCase{4294967295U, "17beaa3ef7aeb4689bb304ebe783e713", 0x3CAA},
                      HashCase{22U, "64832c14852efe5354f20d26f2548817", 0x3A70},
                      HashCase{4312U, "88cad9adc219c735ccabd85ed854a100", 0x0342},
                      HashCase{4294967295U, "55bf5d85030129c02eb8b0dc809b94e7", 0x3BD8},
                      HashCase{22U, "32287606d188a737ea880a3271141bde", 0x1E84},
                      HashCase{4312U, "212fe52117cc5043ce4ec09e12e600b6", 0x0361},
                      HashCase{4294967295U, "11cb4ae3b69cac5f22f37b628c7a2c6f", 0x32A4}));

TEST(HashSeedBytesTest, KnownHashes) {
  // The collector documents these two for a seed of 0.
  EXPECT_EQ(seeded_hash("", 0) & (kBuckets - 1), 0x3515U);
  EXPECT_EQ(seeded_hash(std::string(16, '\0'), 0) & (kBuckets - 1), 0x2455U);
}

// The collector's decisions at 50 %.
TEST(HashSeedBytesTest, DecidesAsTheCollector) {
  struct Case {
    std::uint32_t seed;
    const char* trace_id;
    bool keep;
  };
  for (const Case& expected : {Case{653, "474a03c76d75951a4b4c537ced8f1122", true},
                               Case{904, "4e40762d3ee97a1c0932e4fa584f89a8", false},
                               Case{38, "0c8717ced36216037af657e9d7f8b35b", true},
                               Case{561, "2a8aa76c18d08e1e8be935541f9318c7", false},
                               Case{99, "497f02db51c898ac441aae18a8b7ced9", false},
                               Case{460, "60c3b9a2dde734d71ba5cca7eb164bce", true}}) {
    const Sampler sampler(
        {.mode = SamplerMode::kHashSeed, .percentage = 50, .hash_seed = expected.seed});
    EXPECT_EQ(sampler.decide(id_of(expected.trace_id), "", SamplingPriority::kNone).keep,
              expected.keep)
        << expected.trace_id;
  }
}

// A span with 56 random bits 80000000000000 unless the case says otherwise.
struct StateCase {
  const char* name;
  float percentage;
  int precision;
  const char* trace_id;
  const char* arriving;
  const char* equalizing;  // the tracestate afterwards; "-": not kept
  const char* proportional;
};

constexpr const char* kHalf = "fefefefefefefefefe80000000000000";
constexpr const char* kTop = "111111111111111111ffffffffffffff";

class StateTest : public ::testing::TestWithParam<StateCase> {
 protected:
  static std::string result(SamplerMode mode) {
    const StateCase& given = GetParam();
    const Sampler sampler({.mode = mode,
                           .percentage = given.percentage,
                           .precision = given.precision,
                           .fail_closed = false});
    const SamplingDecision decision =
        sampler.decide(id_of(given.trace_id), given.arriving, SamplingPriority::kNone);
    return decision.keep ? decision.trace_state.value_or(given.arriving) : "-";
  }
};

TEST_P(StateTest, Equalizing) {
  EXPECT_EQ(result(SamplerMode::kEqualizing), GetParam().equalizing);
}

TEST_P(StateTest, Proportional) {
  EXPECT_EQ(result(SamplerMode::kProportional), GetParam().proportional);
}

INSTANTIATE_TEST_SUITE_P(
    Sampler, StateTest,
    ::testing::Values(
        StateCase{"all", 100, 0, kHalf, "", "ot=th:0", "ot=th:0"},
        StateCase{"more_than_all", 200, 0, kHalf, "", "ot=th:0", "ot=th:0"},
        StateCase{"half_just_kept", 50, 0, kHalf, "", "ot=th:8", "ot=th:8"},
        StateCase{"half_just_not", 49, 0, kHalf, "", "-", "-"},
        StateCase{"a_quarter", 25, 0, "ddddddddddddddddddc0000000000000", "", "ot=th:c", "ot=th:c"},
        StateCase{"not_a_quarter", 25, 0, "ddddddddddddddddddb0000000000000", "", "-", "-"},
        StateCase{"explicit_randomness_keeps_its_case", 1, 0, kHalf, "ot=rv:FD70A3D70A3D71",
                  "ot=rv:FD70A3D70A3D71;th:fd70a3d70a3d71",
                  "ot=rv:FD70A3D70A3D71;th:fd70a3d70a3d71"},
        StateCase{"just_below", 1, 0, kHalf, "ot=rv:FD70A3D70A3D70", "-", "-"},
        StateCase{"precision_4_rounds_down", 1, 4, kHalf, "ot=rv:FD70A3D70A3D71",
                  "ot=rv:FD70A3D70A3D71;th:fd70a", "ot=rv:FD70A3D70A3D71;th:fd70a"},
        StateCase{"precision_3_rounds_up", 1, 3, kHalf, "ot=rv:FD70A3D70A3D71", "-", "-"},
        StateCase{"precision_3", 40, 3, kHalf, "ot=rv:a0000000000000",
                  "ot=rv:a0000000000000;th:99a", "ot=rv:a0000000000000;th:99a"},
        StateCase{"zeros_of_a_threshold_go", 50, 0, kHalf, "ot=rv:90000000000000;th:80000000000000",
                  "ot=rv:90000000000000;th:8", "-"},
        StateCase{"arrives_at_half", 25, 0, kTop, "ot=th:8", "ot=th:c", "ot=th:e"},
        StateCase{"arrives_at_less", 50, 0, kTop, "ot=th:c", "ot=th:c", "ot=th:e"},
        StateCase{"arrives_at_half_precision_6", 40, 6, "a0a0a0a0a0a0a0a0a0d0000000000000",
                  "ot=th:8", "ot=th:99999a", "ot=th:cccccd"},
        StateCase{"tiny", 100.0F / (1 << 14), 0, kTop, "ot=th:fffc", "ot=th:fffc", "ot=th:fffffff"},
        StateCase{"underflow", 1.0F / 16, 0, kTop, "ot=th:fffffffffffff8", "ot=th:fffffffffffff8",
                  "-"},
        StateCase{"nearly_all", static_cast<float>((1 - 8e-7) * 100), 10, kTop, "",
                  "ot=th:00000cccccccd", "ot=th:00000cccccccd"},
        StateCase{"a_lie_is_replaced", 100, 0, kHalf, "ot=rv:40000000000000;th:8",
                  "ot=rv:40000000000000;th:0", "ot=rv:40000000000000;th:0"},
        StateCase{"others_stay", 50, 0, kHalf, "vendor=a b,ot=k:v, x@y=z",
                  "ot=th:8;k:v,vendor=a b,x@y=z", "ot=th:8;k:v,vendor=a b,x@y=z"}),
    [](const auto& test) { return test.param.name; });

class SamplerErrorTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(SamplerErrorTest, FailsClosedOrOpen) {
  const auto& [state, error] = GetParam();
  for (const SamplerMode mode : {SamplerMode::kEqualizing, SamplerMode::kProportional}) {
    const SamplingDecision closed = Sampler({.mode = mode, .percentage = 100, .fail_closed = true})
                                        .decide(id_of(kHalf), state, SamplingPriority::kNone);
    EXPECT_FALSE(closed.keep);
    ASSERT_NE(closed.error, nullptr);
    EXPECT_THAT(closed.error, ::testing::HasSubstr(error));
    const SamplingDecision open = Sampler({.mode = mode, .percentage = 1, .fail_closed = false})
                                      .decide(id_of(kHalf), state, SamplingPriority::kNone);
    EXPECT_TRUE(open.keep);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sampler, SamplerErrorTest,
    ::testing::Values(std::pair("ot=rv:abababababababab", "r-value must have 14 hex digits"),
                      std::pair("ot=rv:zbababababababa", "r-value must have 14 hex digits"),
                      std::pair("ot=th:abababababababab", "t-value exceeds 14 hex digits"),
                      std::pair("ot=th:-1", "invalid syntax"),
                      std::pair("ot=th:", "t-value is empty"),
                      std::pair("ot=th:8;rv:70000000000000", "inconsistent arriving threshold"),
                      std::pair("ot=th:8;", "invalid syntax"), std::pair("ot", "invalid syntax"),
                      std::pair("Ot=th:8", "invalid syntax"),
                      std::pair("a=b=c", "invalid syntax")));

TEST(SamplerTest, AnEmptyTraceIdIsNotRandom) {
  for (const SamplerMode mode :
       {SamplerMode::kHashSeed, SamplerMode::kEqualizing, SamplerMode::kProportional}) {
    const auto decide = [mode](float percentage, bool fail_closed) {
      return Sampler({.mode = mode, .percentage = percentage, .fail_closed = fail_closed})
          .decide(TraceId(), "", SamplingPriority::kNone);
    };
    EXPECT_FALSE(decide(62, true).keep);
    EXPECT_TRUE(decide(62, false).keep);
    EXPECT_FALSE(decide(0, false).keep);
    EXPECT_STREQ(decide(62, true).error, "missing randomness");
    EXPECT_EQ(decide(0, true).error, nullptr);
  }
}

TEST(SamplerTest, APriorityDecidesAlone) {
  for (const SamplerMode mode :
       {SamplerMode::kHashSeed, SamplerMode::kEqualizing, SamplerMode::kProportional}) {
    const TraceId id = id_of("01000000000000000000000000000000");
    const SamplingDecision kept =
        Sampler({.mode = mode, .percentage = 0}).decide(id, "", SamplingPriority::kKeep);
    EXPECT_TRUE(kept.keep);
    EXPECT_STREQ(kept.policy, "sampling_priority");
    EXPECT_EQ(kept.trace_state.value_or(""), "ot=th:0");
    EXPECT_FALSE(
        Sampler({.mode = mode, .percentage = 100}).decide(id, "", SamplingPriority::kDrop).keep);
  }
}

TEST(SamplerTest, ModeHashSeedTellsItsRandomnessAndThreshold) {
  struct Case {
    float percentage;
    const char* threshold;
  };
  std::mt19937_64 random(7);
  for (const Case& expected : {Case{100, "0"}, Case{75, "4"}, Case{50, "8"}, Case{25, "c"},
                               Case{10, "e668"}, Case{100.0F / 3, "aaac"}}) {
    const Sampler sampler(
        {.mode = SamplerMode::kHashSeed, .percentage = expected.percentage, .hash_seed = 4312});
    int kept = 0;
    while (kept < 10) {
      TraceId id;
      for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
      const SamplingDecision decision = sampler.decide(id, "", SamplingPriority::kNone);
      if (!decision.keep) continue;
      ++kept;
      const auto state = TraceState::parse(*decision.trace_state);
      ASSERT_TRUE(state && state->threshold() && state->randomness());
      EXPECT_EQ(state->threshold()->digits(), expected.threshold);
      EXPECT_TRUE(state->threshold()->keeps(*state->randomness()));
    }
  }
}

TEST(SamplerTest, ModeHashSeedLeavesConsistentSamplingAlone) {
  const Sampler closed({.mode = SamplerMode::kHashSeed, .percentage = 100, .fail_closed = true});
  const Sampler open({.mode = SamplerMode::kHashSeed, .percentage = 1, .fail_closed = false});
  for (const char* state : {"ot=th:8", "ot=rv:80000000000000"}) {
    EXPECT_FALSE(closed.decide(id_of(kHalf), state, SamplingPriority::kNone).keep);
    const SamplingDecision decision = open.decide(id_of(kHalf), state, SamplingPriority::kNone);
    EXPECT_TRUE(decision.keep);
    EXPECT_FALSE(decision.trace_state);
  }
}

// Whoever is kept at a probability is kept at every higher one, and the share is the probability.
TEST(SamplerTest, DecisionsAreMonotonicAndFair) {
  std::mt19937_64 random(20261121);
  constexpr int kSpans = 20000;
  const std::vector<float> percentages = {0.5F, 1, 5, 10, 33.3F, 50, 75, 99, 100};
  for (const SamplerMode mode :
       {SamplerMode::kHashSeed, SamplerMode::kEqualizing, SamplerMode::kProportional}) {
    std::vector<Sampler> samplers;
    for (const float percentage : percentages) {
      samplers.emplace_back(SamplerSettings{.mode = mode, .percentage = percentage});
    }
    std::vector<int> kept(percentages.size());
    for (int i = 0; i < kSpans; ++i) {
      TraceId id;
      for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
      bool was_kept = false;
      for (std::size_t s = 0; s < samplers.size(); ++s) {
        const bool keep = samplers[s].decide(id, "", SamplingPriority::kNone).keep;
        ASSERT_TRUE(keep || !was_kept) << id.hex() << " at " << percentages[s];
        was_kept = keep;
        kept[s] += keep ? 1 : 0;
      }
    }
    for (std::size_t s = 0; s < samplers.size(); ++s) {
      EXPECT_NEAR(kept[s] / (kSpans / 100.0), percentages[s], 1.5);
    }
  }
}

// Two samplers in a row: equalizing is the stricter of them, proportional their product.
TEST(SamplerTest, SamplersInARowAgree) {
  std::mt19937_64 random(5);
  const Sampler half({.mode = SamplerMode::kEqualizing, .percentage = 50});
  const Sampler tenth({.mode = SamplerMode::kEqualizing, .percentage = 10});
  const Sampler fifth_of({.mode = SamplerMode::kProportional, .percentage = 20});
  for (int i = 0; i < 5000; ++i) {
    TraceId id;
    for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(random());
    const SamplingDecision first = half.decide(id, "", SamplingPriority::kNone);
    if (!first.keep) continue;
    const bool direct = tenth.decide(id, "", SamplingPriority::kNone).keep;
    const SamplingDecision second = tenth.decide(id, *first.trace_state, SamplingPriority::kNone);
    EXPECT_EQ(second.keep, direct);
    // 20 % of 50 % is 10 %.
    EXPECT_EQ(fifth_of.decide(id, *first.trace_state, SamplingPriority::kNone).keep, direct);
    EXPECT_EQ(second.trace_state.value_or(""), second.keep ? "ot=th:e666" : "");
  }
}

TEST(TraceStateTest, TheLastOfTwoMembersCounts) {
  const auto state = TraceState::parse("ot=th:8;a:1,x=y,ot=b:2");
  ASSERT_TRUE(state);
  EXPECT_EQ(state->to_string(), "ot=b:2,x=y");
}

TEST(TraceStateTest, RefusesWhatIsTooLarge) {
  EXPECT_TRUE(TraceState::parse(""));
  EXPECT_TRUE(TraceState::parse(" ,, a=b ,"));
  EXPECT_FALSE(TraceState::parse(std::string(1025, ',')));
  std::string many;
  for (int i = 0; i < 33; ++i) many += "k" + std::to_string(i) + "=v,";
  EXPECT_FALSE(TraceState::parse(many));
  EXPECT_FALSE(TraceState::parse(std::string(257, 'k') + "=v"));
  EXPECT_FALSE(TraceState::parse("k=" + std::string(257, 'v')));
  EXPECT_FALSE(
      TraceState::parse("k=trailing "
                        "\x01"));
}

}  // namespace
}  // namespace kernspan
