#include "pipeline/exporters/load_balancing/load_balancing_exporter.h"

#include <memory>
#include <utility>

#include "pipeline/exporters/load_balancing/backend_queues.h"
#include "pipeline/exporters/load_balancing/balanced_transport.h"
#include "pipeline/exporters/load_balancing/load_balancing_settings.h"
#include "pipeline/exporters/sender/queued_sender.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  auto settings = read_load_balancing_settings(node, context);
  if (!settings) return std::unexpected(settings.error());
  if (settings->queue_per_backend) {
    return std::make_unique<BackendQueues>(context, *std::move(settings));
  }
  const SenderSettings sender = settings->sender;
  return QueuedSender::create(context, sender,
                              std::make_unique<BalancedTransport>(context, *std::move(settings)));
}

}  // namespace

ExporterFactory load_balancing_exporter_factory() {
  return {.type = "load_balancing",
          .deprecated_names = {"loadbalancing"},
          .signals = kTracesOnly,
          .create = create};
}

}  // namespace kernspan
