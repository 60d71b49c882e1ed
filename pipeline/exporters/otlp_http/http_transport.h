// OTLP over HTTP/1.1 and, where the peer's TLS offers it, HTTP/2: libcurl's multi interface on one
// thread, which keeps and shares connections.
#pragma once

#include <memory>

#include "pipeline/base/clock.h"
#include "pipeline/exporters/otlp_http/otlp_http_settings.h"
#include "pipeline/exporters/sender/transport.h"
#include "pipeline/otlp/signal.h"

namespace kernspan {

class OtlpHttpTransport final : public Transport {
 public:
  // `signals` is what the exporter is going to be given; the clock outlives the transport.
  OtlpHttpTransport(OtlpHttpExporterSettings settings, otlp::Signals signals, const Clock& clock);
  ~OtlpHttpTransport() override;

  // Reads the certificate files; does not connect. An error when a signal has no URL.
  Status start() override;
  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) override;
  void cancel_all() override;
  void stop() override;

 private:
  class Worker;  // keeps libcurl's headers out of this one
  const OtlpHttpExporterSettings settings_;
  const otlp::Signals signals_;
  const Clock& clock_;
  ClientTlsWatch tls_watch_;
  std::unique_ptr<Worker> worker_;  // from start() on
};

}  // namespace kernspan
