#include "pipeline/processors/filter/filter_rules.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace kernspan {
namespace {

using ottl::Context;
using ottl::ErrorMode;

void read_error_mode(ConfigReader& reader, ErrorMode* mode) {
  reader.choice("error_mode", mode,
                {{"ignore", ErrorMode::kIgnore},
                 {"silent", ErrorMode::kSilent},
                 {"propagate", ErrorMode::kPropagate}});
}

// Texts and their places.
using ConditionNodes = std::vector<const ConfigNode*>;

// One string stands for a list of one: it is not split on commas, of which conditions have some.
ConditionNodes condition_nodes(ConfigReader& reader, std::string_view key) {
  ConditionNodes found;
  const ConfigNode* const node = reader.node(key);
  if (node == nullptr) return found;
  if (node->is_scalar()) return {node};
  if (!node->is_list()) {
    reader.error(key, fmt::format("expected a list of conditions, found {}", node->describe()));
    return found;
  }
  for (const ConfigNode& item : node->items()) {
    if (item.is_scalar()) {
      found.push_back(&item);
    } else {
      reader.add_problem(item.position(), fmt::format("{}::{}: expected a condition, found {}",
                                                      reader.path(), key, item.describe()));
    }
  }
  return found;
}

// Adds a group of the conditions that compile; the others are reported.
void add_group(ConfigReader& reader, std::string_view key, Context context, ErrorMode mode,
               const ConditionNodes& nodes, std::vector<FilterGroup>& groups) {
  if (nodes.empty()) return;
  FilterGroup group{.context = context,
                    .error_mode = mode,
                    .conditions = {},
                    .lookups = std::make_unique<ottl::Lookups>()};
  for (const ConfigNode* node : nodes) {
    auto condition = ottl::Condition::compile(node->text(), context, ottl::standard_functions(),
                                              group.lookups.get());
    if (condition) {
      group.conditions.push_back({*std::move(condition), node->shown()});
    } else {
      reader.add_problem(node->position(),
                         fmt::format("{}::{}: {}", reader.path(), key, condition.error().message));
    }
  }
  groups.push_back(std::move(group));
}

// The context of conditions that do not name it: what their paths begin with.
std::optional<Context> inferred_context(ConfigReader& reader, std::string_view key,
                                        const ConditionNodes& nodes) {
  std::optional<Context> lowest;
  for (const ConfigNode* node : nodes) {
    const std::string text = node->text();
    const Result<Context> context = ottl::infer_context({&text, 1});
    if (!context) {
      reader.add_problem(node->position(),
                         fmt::format("{}::{}: {}", reader.path(), key, context.error().message));
      return std::nullopt;
    }
    lowest = lowest ? std::max(*lowest, *context) : *context;
  }
  return lowest;
}

void read_section(ConfigReader& section, ErrorMode mode, std::vector<FilterGroup>& groups) {
  read_error_mode(section, &mode);
  const ConditionNodes nodes = condition_nodes(section, "conditions");
  section.require("conditions", "list the conditions that drop");
  std::optional<Context> context;
  section.choice("context", &context,
                 {{"resource", std::optional(Context::kResource)},
                  {"scope", std::optional(Context::kScope)},
                  {"instrumentation_scope", std::optional(Context::kScope)},
                  {"span", std::optional(Context::kSpan)},
                  {"spanevent", std::optional(Context::kSpanEvent)}});
  if (!context && !section.has("context")) {
    context = inferred_context(section, "conditions", nodes);
  }
  if (context) add_group(section, "conditions", *context, mode, nodes, groups);
}

void read_trace_conditions(ConfigReader& reader, ErrorMode mode, std::vector<FilterGroup>& groups) {
  constexpr std::string_view kKey = "trace_conditions";
  const ConfigNode* const node = reader.node(kKey);
  const bool is_list = node != nullptr && node->is_list();
  std::size_t maps = 0;
  if (is_list) {
    for (const ConfigNode& item : node->items()) maps += item.is_map() ? 1 : 0;
  }
  if (maps != 0 && maps != node->items().size()) {
    return reader.error(kKey,
                        "has both conditions and maps with a context; write all in one style");
  }
  if (maps != 0) {
    for (ConfigReader* section : reader.sections(kKey)) read_section(*section, mode, groups);
    return;
  }
  const ConditionNodes nodes = condition_nodes(reader, kKey);
  if (const auto context = inferred_context(reader, kKey, nodes)) {
    add_group(reader, kKey, *context, mode, nodes, groups);
  }
}

void read_traces(ConfigReader& traces, ErrorMode mode, std::vector<FilterGroup>& groups) {
  constexpr std::pair<std::string_view, Context> kKeys[] = {
      {"resource", Context::kResource},
      {"span", Context::kSpan},
      {"spanevent", Context::kSpanEvent},
  };
  for (const auto& [key, context] : kKeys) {
    add_group(traces, key, context, mode, condition_nodes(traces, key), groups);
  }
}

}  // namespace

std::vector<FilterGroup> read_filter_rules(ConfigReader& reader) {
  std::vector<FilterGroup> groups;
  ErrorMode mode = ErrorMode::kIgnore;
  read_error_mode(reader, &mode);
  for (const char* key : {"metrics", "logs", "profiles", "metric_conditions", "log_conditions",
                          "profile_conditions"}) {
    reader.ignored(key, "this version filters traces");
  }
  if (reader.has("spans")) {
    reader.node("spans");
    reader.error("spans",
                 "the old form with include and exclude is not read; write conditions, "
                 "which drop: trace_conditions: ['span.name == \"x\"']");
  }
  if (reader.has("trace_conditions") && reader.has("traces")) {
    reader.error("trace_conditions",
                 "cannot be given together with traces; write all conditions in one of them");
  }
  read_traces(reader.section("traces"), mode, groups);
  read_trace_conditions(reader, mode, groups);
  return groups;
}

}  // namespace kernspan
