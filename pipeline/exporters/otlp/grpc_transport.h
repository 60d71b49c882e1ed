// OTLP over gRPC, with byte buffers: no message classes between a batch and the wire.
#pragma once

#include <memory>
#include <string>

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
  std::unique_ptr<Implementation> implementation_;  // from start() on
};

// What a gRPC status code (its number) means for the batch: the collector's table. `asked_delay` is
// set when the peer sent RetryInfo.
enum class GrpcVerdict { kSent, kRetryable, kPermanent };
GrpcVerdict judge_grpc_status(int code, bool has_retry_info);

}  // namespace kernspan
