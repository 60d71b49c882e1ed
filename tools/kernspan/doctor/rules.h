// What a valid configuration will lose, leak or outgrow: one function each, and a row in the table
// (rules.cc). Points are those of the diagnosis catalogue.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tools/kernspan/doctor/finding.h"
#include "tools/kernspan/doctor/subject.h"

namespace kernspan::doctor {

struct Rule {
  std::string_view id;
  int point;  // 0: not in the catalogue
  Severity severity;
  void (*find)(const Subject& subject, Reporter& reporter);
};

std::span<const Rule> rules();

std::vector<Finding> examine(const Subject& subject);

// What batches, queues, retries and files do with spans.
void find_oversized_batches(const Subject& subject, Reporter& reporter);
void find_slow_batches(const Subject& subject, Reporter& reporter);
void find_unbounded_queues(const Subject& subject, Reporter& reporter);
void find_outages_that_lose(const Subject& subject, Reporter& reporter);
void find_stored_spans_given_up(const Subject& subject, Reporter& reporter);
void find_missing_retries(const Subject& subject, Reporter& reporter);
void find_missing_queues(const Subject& subject, Reporter& reporter);
void find_files_beside_exporters(const Subject& subject, Reporter& reporter);
void find_fan_out_as_fallback(const Subject& subject, Reporter& reporter);
void find_duplicates_of_peers(const Subject& subject, Reporter& reporter);
void find_missing_memory_limiters(const Subject& subject, Reporter& reporter);
void find_late_memory_limiters(const Subject& subject, Reporter& reporter);
void find_debug_output(const Subject& subject, Reporter& reporter);

// Who may read, send and see.
void find_unused_authenticators(const Subject& subject, Reporter& reporter);
void find_http_past_mutual_tls(const Subject& subject, Reporter& reporter);
void find_open_ports(const Subject& subject, Reporter& reporter);
void find_cluster_names_outside(const Subject& subject, Reporter& reporter);
void find_clear_text(const Subject& subject, Reporter& reporter);
void find_written_secrets(const Subject& subject, Reporter& reporter);

// Which traces are kept, and what holding them takes.
void find_policies_on_fields(const Subject& subject, Reporter& reporter);
void find_double_waits(const Subject& subject, Reporter& reporter);
void find_split_traces(const Subject& subject, Reporter& reporter);
void find_metrics_of_samples(const Subject& subject, Reporter& reporter);
void find_head_sampling(const Subject& subject, Reporter& reporter);
void find_trace_rates(const Subject& subject, Reporter& reporter);
void find_trace_memory(const Subject& subject, Reporter& reporter);
void find_batches_before_sampling(const Subject& subject, Reporter& reporter);

// What resources and processors say of spans.
void find_deduplication(const Subject& subject, Reporter& reporter);
void find_watches_of_all_pods(const Subject& subject, Reporter& reporter);
void find_labels_that_nobody_extracts(const Subject& subject, Reporter& reporter);
void find_numeric_attributes(const Subject& subject, Reporter& reporter);

}  // namespace kernspan::doctor
