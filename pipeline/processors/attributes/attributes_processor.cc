#include "pipeline/processors/attributes/attributes_processor.h"

#include <memory>
#include <optional>
#include <utility>

#include "pipeline/component/config_reader.h"
#include "pipeline/component/hand_on.h"
#include "pipeline/otlp/span_edit.h"
#include "pipeline/processors/attribute_actions/attribute_actions.h"
#include "pipeline/processors/attributes/span_match.h"

namespace kernspan {
namespace {

struct AttributesSettings {
  AttributeActions actions;
  std::optional<SpanMatch> include;
  std::optional<SpanMatch> exclude;

  bool concerns(const otlp::SpanEditor& editor) const {
    if (include && !include->matches(editor.span(), editor.resource(), editor.scope())) {
      return false;
    }
    return !exclude || !exclude->matches(editor.span(), editor.resource(), editor.scope());
  }
};

// Holds nothing. Any thread.
class AttributesProcessor final : public Processor {
 public:
  AttributesProcessor(AttributesSettings settings, StageBooks& books, Consumer& next)
      : settings_(std::move(settings)), books_(books), next_(next) {}

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}

  Status consume(otlp::Batch batch) override {
    return hand_on(next_, books_,
                   otlp::edit_spans(std::move(batch), [this](otlp::SpanEditor& editor) {
                     if (settings_.concerns(editor)) settings_.actions.apply(editor.attributes());
                   }));
  }

  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  const AttributesSettings settings_;
  StageBooks& books_;
  Consumer& next_;
};

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  ConfigReader reader(node, context.warnings, context.path);
  AttributesSettings settings;
  settings.actions = AttributeActions::read(reader, "actions");
  settings.include = SpanMatch::read(reader, "include");
  settings.exclude = SpanMatch::read(reader, "exclude");
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<AttributesProcessor>(std::move(settings), context.books, next);
}

}  // namespace

ProcessorFactory attributes_processor_factory() {
  return {.type = "attributes", .create = create};
}

}  // namespace kernspan
