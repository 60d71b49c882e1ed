// An HTTP exchange as an OpenTelemetry span.
// Spec: OpenTelemetry semantic conventions, HTTP spans (stable).
#pragma once

#include <string>
#include <string_view>

#include "agent/conn/exchange.h"
#include "agent/span/exchange_attributes.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

struct HttpSpanOptions {
  // url.query and the query part of url.full: off, because queries carry tokens and personal data.
  bool url_query = false;
};

// The method, if it is one that the conventions know; else "HTTP". Borrowed from the exchange.
std::string_view http_span_name(const Exchange& exchange);

// Keeps its buffers from span to span. Not for several threads at once.
class HttpSpanWriter {
 public:
  explicit HttpSpanWriter(HttpSpanOptions options) : options_(options) {}

  // The exchange has ended and is settled (agent/causality/linker.h). Its resource has been begun.
  void write(const Exchange& exchange, ExchangeAttributes& attributes,
             otlp::RequestEncoder& encoder);

 private:
  void add_url(const Exchange& exchange, const struct HttpTarget& target,
               ExchangeAttributes& attributes);

  HttpSpanOptions options_;
  std::string url_full_;
  std::string status_text_;
};

}  // namespace kernspan
