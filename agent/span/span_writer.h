// Exchanges of any protocol as OpenTelemetry spans.
#pragma once

#include <cstdint>
#include <string>

#include "agent/conn/exchange.h"
#include "agent/span/exchange_attributes.h"
#include "agent/span/http_span.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

// Keeps its buffers from span to span. Not for several threads at once.
class SpanWriter {
 public:
  explicit SpanWriter(HttpSpanOptions options) : http_(options) {}

  // The exchange has ended and is settled (agent/causality/linker.h). Its resource has been begun.
  void write(const Exchange& exchange, otlp::RequestEncoder& encoder);

  // A stream that is still open, from its last report (or its start) until `now_ns`: a child of the
  // span that the stream will be, of kind internal, so that nobody counts it as a request. The
  // exchange is settled.
  void write_interim(const Exchange& exchange, SpanId span_id, std::uint64_t now_ns,
                     otlp::RequestEncoder& encoder);

 private:
  ExchangeAttributes attributes_;
  HttpSpanWriter http_;
  std::string name_;
};

}  // namespace kernspan
