#include "pipeline/connectors/forward/forward_connector.h"

#include <memory>
#include <utility>

#include "pipeline/component/config_reader.h"
#include "pipeline/component/hand_on.h"

namespace kernspan {
namespace {

class ForwardConnector final : public Connector {
 public:
  ForwardConnector(StageBooks& books, Consumer& next) : books_(books), next_(next) {}

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}  // holds nothing

  Status consume(otlp::Batch batch) override { return hand_on(next_, books_, std::move(batch)); }

 private:
  StageBooks& books_;
  Consumer& next_;
};

Result<std::unique_ptr<Connector>> create(const ConfigNode& node, const ComponentContext& context,
                                          const ConnectorOutputs& next) {
  ConfigReader reader(node, context.warnings, context.path);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<ForwardConnector>(context.books, next.all);
}

}  // namespace

ConnectorFactory forward_connector_factory() {
  using enum otlp::Signal;
  return {.type = "forward",
          .conversions = {{kTraces, kTraces}, {kMetrics, kMetrics}},
          .create = create};
}

}  // namespace kernspan
