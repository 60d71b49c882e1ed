#include "tools/kernspan/doctor/rules.h"

#include <array>

namespace kernspan::doctor {
namespace {

using enum Severity;

constexpr std::array kRules = {
    Rule{"deduplication_scope", 11, kWarning, find_deduplication},
    Rule{"policy_on_a_field", 13, kWarning, find_policies_on_fields},
    Rule{"authenticator_unused", 14, kWarning, find_unused_authenticators},
    Rule{"http_past_mutual_tls", 15, kWarning, find_http_past_mutual_tls},
    Rule{"double_wait", 17, kWarning, find_double_waits},
    Rule{"split_traces", 18, kWarning, find_split_traces},
    Rule{"metrics_of_a_sample", 19, kWarning, find_metrics_of_samples},
    Rule{"head_sampling", 20, kWarning, find_head_sampling},
    Rule{"trace_rate", 21, kWarning, find_trace_rates},
    Rule{"trace_memory", 22, kWarning, find_trace_memory},
    Rule{"batch_exceeds_message_limit", 23, kWarning, find_oversized_batches},
    Rule{"slow_batch", 24, kWarning, find_slow_batches},
    Rule{"queue_outgrows_memory", 25, kWarning, find_unbounded_queues},
    Rule{"cluster_name_outside", 26, kWarning, find_cluster_names_outside},
    Rule{"watches_all_pods", 27, kWarning, find_watches_of_all_pods},
    Rule{"label_not_extracted", 28, kWarning, find_labels_that_nobody_extracts},
    Rule{"file_always_written", 29, kWarning, find_files_beside_exporters},
    Rule{"fan_out_as_fallback", 30, kWarning, find_fan_out_as_fallback},
    Rule{"duplicates_of_peers", 31, kWarning, find_duplicates_of_peers},
    Rule{"open_port", 33, kWarning, find_open_ports},
    Rule{"outage_loses", 37, kWarning, find_outages_that_lose},
    Rule{"stored_spans_given_up", 0, kWarning, find_stored_spans_given_up},
    Rule{"no_retry", 0, kWarning, find_missing_retries},
    Rule{"no_queue", 0, kWarning, find_missing_queues},
    Rule{"no_memory_limiter", 0, kWarning, find_missing_memory_limiters},
    Rule{"memory_limiter_not_first", 0, kWarning, find_late_memory_limiters},
    Rule{"debug_output", 0, kInfo, find_debug_output},
    Rule{"clear_text", 0, kWarning, find_clear_text},
    Rule{"secret_in_the_file", 0, kWarning, find_written_secrets},
    Rule{"batch_before_sampling", 0, kInfo, find_batches_before_sampling},
    Rule{"numeric_attribute", 0, kWarning, find_numeric_attributes},
};

}  // namespace

std::span<const Rule> rules() {
  return kRules;
}

std::vector<Finding> examine(const Subject& subject) {
  std::vector<Finding> findings;
  for (const Rule& rule : kRules) {
    Reporter reporter(rule.id, rule.point, rule.severity, findings);
    rule.find(subject, reporter);
  }
  return findings;
}

}  // namespace kernspan::doctor
