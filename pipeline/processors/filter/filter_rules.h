// What the filter processor drops by: groups of conditions, each on one level of the telemetry.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/ottl/condition.h"
#include "pipeline/ottl/lookups.h"

namespace kernspan {

struct FilterCondition {
  ottl::Condition condition;
  std::string shown;  // as the configuration has it
};

// A record is dropped when one of the conditions holds.
struct FilterGroup {
  ottl::Context context;
  ottl::ErrorMode error_mode;
  std::vector<FilterCondition> conditions;
  std::unique_ptr<ottl::Lookups> lookups;  // of all of them
};

// Reads error_mode, traces.{resource, span, spanevent} and trace_conditions, in both of its styles;
// what is wrong becomes an error of the reader, with the place of the condition.
std::vector<FilterGroup> read_filter_rules(ConfigReader& reader);

}  // namespace kernspan
