#include "pipeline/processors/tail_sampling/policies/policy_counters.h"

#include <string>

namespace kernspan::sampling {
namespace {

PolicyCounters::OfDecision counters_of(Metrics& metrics, std::string_view processor_id,
                                       const std::string& policy, std::string_view decision) {
  const MetricLabels labels = {{"processor", std::string(processor_id)},
                               {"policy", policy},
                               {"sampled", decision == "sampled" ? "true" : "false"},
                               {"decision", std::string(decision)}};
  return {metrics.counter("otelcol_processor_tail_sampling_count_traces_sampled",
                          "Traces by what a policy has said of them.", labels),
          metrics.counter("otelcol_processor_tail_sampling_count_spans_sampled",
                          "Spans of traces by what a policy has said of them.", labels)};
}

}  // namespace

PolicyCounters::PolicyCounters(const std::vector<PolicySettings>& settings,
                               std::string_view processor_id, Metrics& metrics)
    : errors_(metrics.counter("otelcol_processor_tail_sampling_sampling_policy_evaluation_error",
                              "Policies that could not be evaluated for a trace.",
                              {{"processor", std::string(processor_id)}})) {
  const std::size_t slash = processor_id.find('/');
  std::string prefix;
  if (slash != std::string_view::npos) {
    prefix = processor_id.substr(slash + 1);
    prefix += '.';
  }
  for (const PolicySettings& policy : settings) {
    const std::string name = prefix + policy.name;
    policies_.push_back({counters_of(metrics, processor_id, name, "not_sampled"),
                         counters_of(metrics, processor_id, name, "sampled"),
                         counters_of(metrics, processor_id, name, "dropped")});
    executions_.push_back(
        &metrics.counter("otelcol_processor_tail_sampling_sampling_policy_execution_count",
                         "Times that a policy was asked about a trace.",
                         {{"processor", std::string(processor_id)}, {"policy", name}}));
  }
}

}  // namespace kernspan::sampling
