#include "pipeline/processors/resource/resource_processor.h"

#include <memory>
#include <utility>

#include "pipeline/component/config_reader.h"
#include "pipeline/component/hand_on.h"
#include "pipeline/otlp/resource_edit.h"
#include "pipeline/processors/attribute_actions/attribute_actions.h"

namespace kernspan {
namespace {

// Holds nothing. Any thread.
class ResourceProcessor final : public Processor {
 public:
  ResourceProcessor(AttributeActions actions, StageBooks& books, Consumer& next)
      : actions_(std::move(actions)), books_(books), next_(next) {}

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}

  Status consume(otlp::Batch batch) override {
    return hand_on(
        next_, books_,
        otlp::edit_resources(std::move(batch), [this](otlp::AttributeEditor& attributes) {
          actions_.apply(attributes);
        }));
  }

  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  const AttributeActions actions_;
  StageBooks& books_;
  Consumer& next_;
};

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  ConfigReader reader(node, context.warnings, context.path);
  AttributeActions actions = AttributeActions::read(reader, "attributes");
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<ResourceProcessor>(std::move(actions), context.books, next);
}

}  // namespace

ProcessorFactory resource_processor_factory() {
  return {.type = "resource", .signals = kTracesAndMetrics, .create = create};
}

}  // namespace kernspan
