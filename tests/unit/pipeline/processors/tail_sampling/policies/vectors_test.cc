// The cases of tests/vectors/tail_sampling, each with the spans of a trace in one request and in
// one each, in order and reversed.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/pipeline/processors/tail_sampling/policies/policies_fixture.h"

namespace kernspan::sampling {
namespace {

using nlohmann::json;

const std::filesystem::path kFolder = KERNSPAN_SOURCE_DIR "/tests/vectors/tail_sampling";

class VectorRun {
 public:
  VectorRun(const json& vector, const Arrangement& arrangement)
      : vector_(vector),
        arrangement_(arrangement),
        under_test_(vector["policies"].dump(),
                    {.sample_on_first_match = vector.value("sample_on_first_match", false),
                     .shards = vector.value("shards", std::size_t{1})}) {}

  void run() {
    if (!under_test_.is_made()) return;
    if (vector_.contains("steps")) {
      for (const json& step : vector_["steps"]) {
        SCOPED_TRACE("step " + step.dump());
        for (int i = 0; i < step.value("times", 1); ++i) take(step);
      }
    } else {
      take(vector_);
    }
    if (vector_.contains("errors")) {
      EXPECT_EQ(under_test_.errors(), vector_["errors"]);
    }
    const json counted_decisions = vector_.value("counted", json::object());
    for (const auto& [policy, decision] : counted_decisions.items()) {
      const double expected = decision == "not asked" ? 0 : 1;
      double counted = 0;
      for (const char* each : {"sampled", "not_sampled", "dropped"}) {
        const double traces = under_test_.traces(policy, each);
        counted += traces;
        if (decision == each) {
          EXPECT_EQ(traces, 1) << policy;
        }
      }
      EXPECT_EQ(counted, expected) << policy;
    }
  }

 private:
  void take(const json& step) {
    now_ns_ = step.contains("at_ms") ? step["at_ms"].get<std::uint64_t>() * 1'000'000 : now_ns_;
    const json& trace = step.contains("trace") ? step["trace"] : vector_["trace"];
    const std::string expected = step["expect"];
    if (vector_.value("early", false)) {
      const TraceSource source(trace, arrangement_);
      const auto verdict = under_test_.policies().decide_early(source.view(), now_ns_);
      EXPECT_EQ(verdict ? text_of(verdict->outcome) : "pending", expected);
      return;
    }
    const Verdict verdict = under_test_.decide(trace, now_ns_, arrangement_);
    EXPECT_EQ(text_of(verdict.outcome), expected);
    EXPECT_EQ(verdict.probability.has_value(), verdict.sampled());
    if (step.contains("policy")) {
      const std::string name = verdict.policy == Verdict::kNoPolicy
                                   ? "none"
                                   : std::string(under_test_.policies().name(verdict.policy));
      EXPECT_EQ(name, step["policy"]);
    }
    if (step.contains("sub_policy")) {
      EXPECT_EQ(verdict.sub_policy, step["sub_policy"].get<std::string>());
    }
    if (step.contains("estimated")) {
      EXPECT_EQ(verdict.estimated, step["estimated"].get<bool>());
    }
    if (step.contains("probability")) {
      EXPECT_NEAR(verdict.probability.value_or(-1), step["probability"], 1e-12);
    }
  }

  const json& vector_;
  const Arrangement arrangement_;
  PoliciesUnderTest under_test_;
  std::uint64_t now_ns_ = 0;
};

TEST(TailSamplingVectors, AreDecidedAsExpected) {
  std::size_t decisions = 0;
  for (const auto& file : std::filesystem::directory_iterator(kFolder)) {
    if (file.path().extension() != ".json" || file.path().stem() == "golden") continue;
    std::ifstream stream(file.path());
    const json vectors = json::parse(stream);
    ASSERT_FALSE(vectors.empty()) << file.path();
    for (const json& vector : vectors) {
      decisions += vector.contains("steps") ? vector["steps"].size() : 1;
      for (const Arrangement& arrangement : kArrangements) {
        SCOPED_TRACE(file.path().filename().string() + ": " + vector["name"].get<std::string>() +
                     (arrangement.reversed ? ", reversed" : "") +
                     (arrangement.request_per_span ? ", a request per span" : ""));
        VectorRun(vector, arrangement).run();
      }
    }
  }
  EXPECT_GE(decisions, 300U);
  RecordProperty("decisions", static_cast<int>(decisions));
}

}  // namespace
}  // namespace kernspan::sampling
