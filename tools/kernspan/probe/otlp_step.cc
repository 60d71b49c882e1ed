#include "tools/kernspan/probe/otlp_step.h"

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "pipeline/base/clock.h"
#include "pipeline/component/factory.h"
#include "pipeline/exporters/otlp/grpc_transport.h"
#include "pipeline/exporters/otlp/otlp_settings.h"
#include "pipeline/exporters/otlp_http/http_transport.h"
#include "pipeline/exporters/otlp_http/otlp_http_settings.h"

namespace kernspan::tools {
namespace {

// One ResourceSpans without anything in it: a request of no bytes at all might be taken for none.
constexpr char kNoSpans[] = {0x0a, 0x00};

Result<std::unique_ptr<Transport>> make_transport(const PeerOptions& options, const Clock& clock) {
  ConfigWarnings ignored;
  const Extensions none;
  if (options.http) {
    auto settings = read_otlp_http_settings(exporter_settings(options), "probe", none, ignored);
    if (!settings) return std::unexpected(settings.error());
    return std::make_unique<OtlpHttpTransport>(std::move(*settings), kTracesOnly, clock);
  }
  auto settings = read_otlp_exporter_settings(exporter_settings(options), "probe", none, ignored);
  if (!settings) return std::unexpected(settings.error());
  return std::make_unique<GrpcTransport>(std::move(*settings));
}

}  // namespace

Result<SendOutcome> offer_empty_request(const PeerOptions& options,
                                        std::chrono::milliseconds timeout) {
  const SystemClock clock;
  Result<std::unique_ptr<Transport>> transport = make_transport(options, clock);
  if (!transport) return std::unexpected(transport.error());
  if (Status started = (*transport)->start(); !started) return std::unexpected(started.error());
  const otlp::Batch batch = otlp::Batch::from_encoder(std::string(kNoSpans, sizeof(kNoSpans)), 0);
  std::promise<SendOutcome> outcome;
  (*transport)->send(batch, timeout, [&outcome](SendOutcome result) {
    outcome.set_value(std::move(result));
  });
  SendOutcome result = outcome.get_future().get();
  (*transport)->stop();
  return result;
}

}  // namespace kernspan::tools
