#include "pipeline/processors/filter/filter_processor.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/ottl/edit_records.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Processor>> create_filter(const ConfigNode& node,
                                                 const ComponentContext& context, Consumer& next) {
  ConfigReader reader(node, context.warnings, context.path);
  std::vector<FilterGroup> groups = read_filter_rules(reader);
  if (groups.empty() && reader.errors().empty()) {
    context.warnings.add(node.position(),
                         fmt::format("{}: has no conditions for traces: nothing is "
                                     "dropped",
                                     context.path));
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<FilterProcessor>(context, std::move(groups), next);
}

}  // namespace

FilterProcessor::FilterProcessor(const ComponentContext& context, std::vector<FilterGroup> groups,
                                 Consumer& next)
    : path_(context.path),
      groups_(std::move(groups)),
      next_(next),
      clock_(context.clock),
      books_(context.books),
      filtered_(books_.dropped("filtered")),
      filtered_metric_(context.metrics.counter("otelcol_processor_filter_spans_filtered",
                                               "Spans that a condition has dropped.",
                                               {{"filter", context.id}})),
      dropped_events_(context.metrics.counter("kernspan_processor_filter_events_filtered",
                                              "Events of spans that a condition has dropped.",
                                              {{"filter", context.id}})),
      errors_(context.metrics.counter("kernspan_processor_filter_condition_errors",
                                      "Conditions that ended with an error on a record.",
                                      {{"filter", context.id}})) {
  if (context.span_questions == nullptr || groups_.empty()) return;
  context.span_questions->ask_for_index();
  for (const FilterGroup& group : groups_) {
    if (group.lookups != nullptr) group.lookups->ask(*context.span_questions);
  }
}

Result<bool> FilterProcessor::keeps(const FilterGroup& group, ottl::Evaluation& at) {
  for (const FilterCondition& condition : group.conditions) {
    const Result<bool> holds = condition.condition.test(at);
    if (holds) {
      if (*holds) return false;
      continue;
    }
    errors_.add();
    if (group.error_mode == ottl::ErrorMode::kPropagate) {
      return permanent(fmt::format("{}: {}: {}", path_, condition.shown, holds.error().message));
    }
    if (group.error_mode == ottl::ErrorMode::kIgnore) {
      KERNSPAN_LOG_LIMITED(kWarn, "{}: {}: {}; the next condition is tried", path_, condition.shown,
                           holds.error().message);
    }
  }
  return true;
}

Status FilterProcessor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  std::size_t dropped_spans = 0;
  std::size_t dropped_events = 0;
  for (const FilterGroup& group : groups_) {
    auto edited = ottl::edit_records(
        std::move(batch), group.context, clock_,
        [&](ottl::Evaluation& at) { return keeps(group, at); }, group.lookups.get());
    if (!edited) {
      books_.refuse(spans);
      return std::unexpected(std::move(edited.error()));
    }
    dropped_spans += edited->dropped_spans;
    dropped_events += edited->dropped_events;
    batch = std::move(edited->batch);
  }
  if (!batch.empty()) {
    if (Status taken = next_.consume(std::move(batch)); !taken) {
      books_.refuse(spans);
      return taken;
    }
  }
  books_.take(spans);
  books_.pass_on(spans - dropped_spans);
  filtered_.add(dropped_spans);
  filtered_metric_.add(dropped_spans);
  dropped_events_.add(dropped_events);
  return {};
}

ProcessorFactory filter_processor_factory() {
  return {.type = "filter", .create = create_filter};
}

}  // namespace kernspan
