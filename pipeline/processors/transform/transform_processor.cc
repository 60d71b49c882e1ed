#include "pipeline/processors/transform/transform_processor.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/hand_on.h"
#include "pipeline/ottl/edit_records.h"
#include "pipeline/processors/transform/statement_group.h"

namespace kernspan {
namespace {

// Holds nothing. Any thread.
class TransformProcessor final : public Processor {
 public:
  TransformProcessor(std::vector<StatementGroup> groups, const ComponentContext& context,
                     Consumer& next)
      : groups_(std::move(groups)),
        path_(context.path),
        clock_(context.clock),
        books_(context.books),
        next_(next),
        errors_(context.metrics.counter(
            "kernspan_processor_transform_errors",
            "Statements and conditions that ended with an error, by record.",
            {{"processor", context.id}, {"pipeline", context.pipeline}})) {}

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}

  Status consume(otlp::Batch batch) override {
    const std::size_t items = batch.item_count();
    for (const StatementGroup& group : groups_) {
      if (group.statements().empty()) continue;
      Result<ottl::EditedBatch> edited =
          ottl::edit_records(std::move(batch), group.context(), clock_,
                             [&](ottl::Evaluation& at) { return run(group, at); });
      if (!edited) {
        books_.refuse(items);
        return std::unexpected(std::move(edited.error()));
      }
      batch = std::move(edited->batch);
    }
    return hand_on(next_, books_, std::move(batch));
  }

  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  // Every record stays: true, or the error that the batch is refused with.
  Result<bool> run(const StatementGroup& group, ottl::Evaluation& at) {
    const Result<bool> wanted = is_wanted(group, at);
    if (!wanted) return wanted;
    if (!*wanted) return true;
    for (const StatementGroup::Line& line : group.statements()) {
      const Result<bool> applied = line.statement.apply(at);
      if (applied) continue;
      if (Status excused = excuse(group, line.text, applied.error()); !excused) {
        return std::unexpected(excused.error());
      }
    }
    return true;
  }

  // A condition that ends with an error does not hold.
  Result<bool> is_wanted(const StatementGroup& group, ottl::Evaluation& at) {
    if (group.conditions().empty()) return true;
    for (const StatementGroup::Gate& gate : group.conditions()) {
      const Result<bool> holds = gate.condition.test(at);
      if (holds && *holds) return true;
      if (holds) continue;
      if (Status excused = excuse(group, gate.text, holds.error()); !excused) {
        return std::unexpected(excused.error());
      }
    }
    return false;
  }

  // Counts an error, and says whether to go on.
  Status excuse(const StatementGroup& group, const std::string& text, const Error& error) {
    errors_.add();
    switch (group.error_mode()) {
      case ottl::ErrorMode::kSilent:
        break;
      case ottl::ErrorMode::kIgnore:
        KERNSPAN_LOG_LIMITED(kWarn, "{}: `{}`: {}", path_, text, error.message);
        break;
      case ottl::ErrorMode::kPropagate:
        return permanent(fmt::format("{}: `{}`: {}", path_, text, error.message));
    }
    return {};
  }

  const std::vector<StatementGroup> groups_;
  const std::string path_;
  const Clock& clock_;
  StageBooks& books_;
  Consumer& next_;
  Counter& errors_;
};

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  ConfigReader reader(node, context.warnings, context.path);
  ottl::ErrorMode error_mode = ottl::ErrorMode::kIgnore;
  read_error_mode(reader, &error_mode);
  std::vector<StatementGroup> groups =
      read_statement_groups(reader, "trace_statements", error_mode);
  for (const char* key : {"metric_statements", "log_statements", "profile_statements"}) {
    reader.ignored(key, "only traces are transformed");
  }
  bool flatten_data = false;
  reader.boolean("flatten_data", &flatten_data);
  if (flatten_data) {
    reader.error("flatten_data", "is for logs, which do not run here; remove it");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<TransformProcessor>(std::move(groups), context, next);
}

}  // namespace

ProcessorFactory transform_processor_factory() {
  return {.type = "transform", .create = create};
}

}  // namespace kernspan
