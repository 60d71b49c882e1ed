#include "pipeline/exporters/otlp_http/otlp_http_exporter.h"

#include <memory>
#include <utility>

#include "pipeline/exporters/otlp_http/http_transport.h"
#include "pipeline/exporters/otlp_http/otlp_http_settings.h"
#include "pipeline/exporters/sender/queued_sender.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  auto settings = read_otlp_http_settings(node, context.path, context.extensions, context.warnings);
  if (!settings) return std::unexpected(settings.error());
  const SenderSettings sender = settings->sender;
  return QueuedSender::create(
      context, sender,
      std::make_unique<OtlpHttpTransport>(*std::move(settings), context.signals, context.clock));
}

}  // namespace

ExporterFactory otlp_http_exporter_factory() {
  return {.type = "otlp_http",
          .deprecated_names = {"otlphttp"},
          .signals = kTracesAndMetrics,
          .create = create};
}

}  // namespace kernspan
