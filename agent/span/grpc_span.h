// A gRPC call as an OpenTelemetry span.
// Spec: OpenTelemetry semantic conventions, gRPC spans (version 1.26).
#pragma once

#include <string>
#include <string_view>

#include "agent/conn/exchange.h"
#include "agent/span/exchange_attributes.h"
#include "agent/span/header_attributes.h"
#include "agent/span/span_options.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

// "pkg.Service/Method", the exchange's own path; "grpc" where that is not known. Borrowed from the
// exchange.
std::string_view grpc_span_name(const Exchange& exchange);

// rpc.system, and rpc.service and rpc.method as far as they are known.
void add_grpc_method(const Exchange& exchange, ExchangeAttributes& attributes);

// How many messages this end has sent and received, and their bytes, where that is known.
void add_grpc_messages(const Exchange& exchange, ExchangeAttributes& attributes);

// Keeps its buffers from span to span. Not for several threads at once.
class GrpcSpanWriter {
 public:
  // The exchange is a gRPC call, has ended and is settled (agent/causality/linker.h). Its resource
  // has been begun.
  void write(const Exchange& exchange, const SpanOptions& options, ExchangeAttributes& attributes,
             SpanContentCounters& counters, otlp::RequestEncoder& encoder);

 private:
  HeaderAttributes headers_;
  std::string user_agent_;
};

}  // namespace kernspan
