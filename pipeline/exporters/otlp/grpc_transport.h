// OTLP over gRPC, with byte buffers: no message classes between a batch and the wire.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/exporters/otlp/otlp_settings.h"
#include "pipeline/exporters/sender/transport.h"

namespace kernspan {

// One channel, one completion queue and one thread.
class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(OtlpExporterSettings settings);
  ~GrpcTransport() override;

  // Reads the certificate files; does not wait for a connection.
  Status start() override;
  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) override;
  void cancel_all() override;
  void stop() override;

 private:
  class Implementation;  // keeps gRPC's headers out of this one
  const OtlpExporterSettings settings_;
  ClientTlsWatch tls_watch_;
  std::unique_ptr<Implementation> implementation_;  // from start() on
};

// What a gRPC status code (its number) means for the batch: the collector's table, and kTooLarge for
// the messages with which gRPC libraries refuse a request's size. `message` is what the peer said,
// `request_bytes` the size of the request before compression.
SendOutcome::Kind judge_grpc_status(int code, bool has_retry_info, std::string_view message = "",
                                    std::size_t request_bytes = 0);

}  // namespace kernspan
