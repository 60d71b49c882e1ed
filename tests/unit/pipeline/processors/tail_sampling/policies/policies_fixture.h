#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/policies.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/processors/tail_sampling/policies/trace_source.h"

namespace kernspan::sampling {

// Policies made from YAML, and asked.
class PoliciesUnderTest {
 public:
  explicit PoliciesUnderTest(const std::string& yaml, const PoliciesOptions& options = {},
                             std::string processor_id = "tail_sampling") {
    ConfigReader reader(node_of(yaml), stage_.warnings, "test");
    settings_ = read_policies(reader);
    const Status read = reader.finish();
    EXPECT_TRUE(read) << read.error().message;
    if (!read) return;
    counters_.emplace(settings_, processor_id, stage_.metrics);
    policies_.emplace(settings_, options, *counters_);
  }

  bool is_made() const { return policies_.has_value(); }
  Policies& policies() { return *policies_; }
  const std::vector<PolicySettings>& settings() const { return settings_; }
  ConfigWarnings& warnings() { return stage_.warnings; }

  Verdict decide(const nlohmann::json& trace, std::uint64_t now_ns = 0,
                 const Arrangement& arrangement = {}) {
    const TraceSource source(trace, arrangement);
    return policies_->decide(source.view(), kStart + now_ns);
  }

  // Traces of that policy and decision so far.
  double traces(const std::string& policy, const std::string& decision) {
    return count("traces", policy, decision);
  }
  double spans(const std::string& policy, const std::string& decision) {
    return count("spans", policy, decision);
  }
  double executions(const std::string& policy) {
    policies_->publish_counts();
    return stage_.metric("otelcol_processor_tail_sampling_sampling_policy_execution_count",
                         {{"processor", "tail_sampling"}, {"policy", policy}});
  }
  double errors() {
    policies_->publish_counts();
    return stage_.metric("otelcol_processor_tail_sampling_sampling_policy_evaluation_error",
                         {{"processor", "tail_sampling"}});
  }

  // Far from 0, as a running machine's clock, and at the beginning of a second.
  static constexpr std::uint64_t kStart = 5'000'000'000'000;

 private:
  const ConfigNode& node_of(const std::string& yaml) {
    node_ = ComponentStage::yaml("{policies: " + yaml + "}");
    return node_;
  }
  double count(const std::string& what, const std::string& policy, const std::string& decision) {
    policies_->publish_counts();
    return stage_.metric("otelcol_processor_tail_sampling_count_" + what + "_sampled",
                         {{"processor", "tail_sampling"},
                          {"policy", policy},
                          {"sampled", decision == "sampled" ? "true" : "false"},
                          {"decision", decision}});
  }

  ComponentStage stage_{"tail_sampling"};
  ConfigNode node_;
  std::vector<PolicySettings> settings_;
  std::optional<PolicyCounters> counters_;
  std::optional<Policies> policies_;
};

inline const char* text_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSampled:
      return "sampled";
    case Outcome::kDropped:
      return "dropped";
    case Outcome::kNotSampled:
      break;
  }
  return "not_sampled";
}

}  // namespace kernspan::sampling
