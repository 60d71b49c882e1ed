#include "pipeline/exporters/otlp/otlp_exporter.h"

#include <memory>
#include <utility>

#include "pipeline/exporters/otlp/grpc_transport.h"
#include "pipeline/exporters/otlp/otlp_settings.h"
#include "pipeline/exporters/sender/queued_sender.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  auto settings =
      read_otlp_exporter_settings(node, context.path, context.extensions, context.warnings);
  if (!settings) return std::unexpected(settings.error());
  const SenderSettings sender = settings->sender;
  return QueuedSender::create(context, sender,
                              std::make_unique<GrpcTransport>(std::move(*settings)));
}

}  // namespace

ExporterFactory otlp_exporter_factory() {
  return {.type = "otlp_grpc",
          .deprecated_names = {"otlp"},
          .signals = kTracesAndMetrics,
          .create = create};
}

}  // namespace kernspan
