// Against Go's own libraries, whose answers stand in golden.json: math/big and hash/fnv for
// probabilistic, golang.org/x/time/rate for the limits.
#include <gtest/gtest.h>

#include <fstream>

#include "pipeline/processors/tail_sampling/policies/probabilistic_policy.h"
#include "pipeline/processors/tail_sampling/policies/token_bucket.h"
#include "tests/unit/pipeline/processors/tail_sampling/policies/policies_fixture.h"

namespace kernspan::sampling {
namespace {

using nlohmann::json;

json golden() {
  std::ifstream stream(KERNSPAN_SOURCE_DIR "/tests/vectors/tail_sampling/golden.json");
  return json::parse(stream);
}

TEST(TailSamplingGolden, HashThresholds) {
  for (const json& row : golden()["thresholds"]) {
    const std::uint64_t expected = std::stoull(row["threshold"].get<std::string>(), nullptr, 16);
    EXPECT_EQ(hash_threshold(row["percentage"].get<double>() / 100), expected) << row.dump();
  }
}

TEST(TailSamplingGolden, Fnv1a) {
  EXPECT_EQ(fnv1a(""), 0xCBF2'9CE4'8422'2325U);
  EXPECT_EQ(fnv1a("a"), 0xAF63'DC4C'8601'EC8CU);
  EXPECT_EQ(fnv1a("foobar"), 0x8594'4171'F739'67E8U);
  EXPECT_EQ(fnv1a("bar", fnv1a("foo")), fnv1a("foobar"));
}

TEST(TailSamplingGolden, ProbabilisticDecisions) {
  for (const json& row : golden()["decisions"]) {
    const json policy = {
        {"name", "p"},
        {"type", "probabilistic"},
        {"probabilistic",
         {{"sampling_percentage", row["percentage"]}, {"hash_salt", row["salt"]}}}};
    PoliciesUnderTest policies(json::array({policy}).dump());
    for (const json& id : row["sampled"]) {
      EXPECT_TRUE(policies.decide({{"id", id}, {"spans", 1}}).sampled()) << row.dump();
    }
    for (const json& id : row["not_sampled"]) {
      EXPECT_FALSE(policies.decide({{"id", id}, {"spans", 1}}).sampled()) << row.dump();
    }
  }
}

TEST(TailSamplingGolden, TokenBuckets) {
  for (const json& row : golden()["buckets"]) {
    TokenBucket bucket(row["rate"], row["burst"]);
    for (const json& step : row["steps"]) {
      const std::uint64_t at_ns = step[0];
      EXPECT_EQ(bucket.take(step[1], 7'000'000'000 + at_ns), step[2].get<bool>())
          << row["rate"] << " " << row["burst"] << " " << step.dump();
    }
  }
}

}  // namespace
}  // namespace kernspan::sampling
