// Prometheus rule files beside a configuration: whether the metrics that they ask for can exist.
#pragma once

#include <vector>

#include "tools/kernspan/doctor/finding.h"

namespace kernspan::doctor {

// Whether a file is one of alerting and recording rules, and no collector configuration.
bool is_rule_file(const ConfigNode& root);

// `total_suffix`: whether the collectors write "_total" behind the names of counters.
std::vector<Finding> examine_rules(const ConfigNode& root, bool total_suffix);

}  // namespace kernspan::doctor
