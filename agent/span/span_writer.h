// Exchanges of any protocol as OpenTelemetry spans.
#pragma once

#include <cstdint>
#include <string>

#include "agent/conn/exchange.h"
#include "agent/span/exchange_attributes.h"
#include "agent/span/grpc_span.h"
#include "agent/span/http_span.h"
#include "agent/span/span_options.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

// Keeps its buffers from span to span. Not for several threads at once.
class SpanWriter {
 public:
  // The exchange has ended and is settled (agent/causality/linker.h). Its resource has been begun.
  void write(const Exchange& exchange, const SpanContext& context, otlp::RequestEncoder& encoder);

  // A stream that is still open, from its last report (or its start) until `now_ns`: a child of the
  // span that the stream will be, of kind internal, so that nobody counts it as a request. The
  // exchange is settled.
  void write_interim(const Exchange& exchange, const SpanContext& context, SpanId span_id,
                     std::uint64_t now_ns, otlp::RequestEncoder& encoder);

  const SpanContentCounters& counters() const { return http_.counters(); }
  const TemplateBounds& template_bounds() const { return http_.template_bounds(); }

 private:
  ExchangeAttributes attributes_;
  HttpSpanWriter http_;
  GrpcSpanWriter grpc_;
  std::string name_;
};

}  // namespace kernspan
