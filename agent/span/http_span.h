// An HTTP exchange as an OpenTelemetry span.
// Spec: OpenTelemetry semantic conventions, HTTP spans (stable).
#pragma once

#include <string>
#include <string_view>

#include "agent/conn/exchange.h"
#include "agent/span/exchange_attributes.h"
#include "agent/span/header_attributes.h"
#include "agent/span/span_options.h"
#include "agent/span/template_bounds.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

// Keeps its buffers from span to span. Not for several threads at once.
class HttpSpanWriter {
 public:
  // The exchange has ended and is settled (agent/causality/linker.h). Its resource has been begun.
  void write(const Exchange& exchange, const SpanContext& context, ExchangeAttributes& attributes,
             otlp::RequestEncoder& encoder);

  // "GET /users/{id}", "GET" where no template is known, "HTTP" for methods that the conventions do
  // not know. Borrowed until the next call of anything here.
  std::string_view name(const Exchange& exchange, const SpanContext& context);

  const SpanContentCounters& counters() const { return counters_; }
  SpanContentCounters& counters() { return counters_; }
  const TemplateBounds& template_bounds() const { return bounds_; }

 private:
  // Of a path as it is shown.
  struct Route {
    std::string_view text;       // empty: there is none
    bool is_configured = false;  // else it was guessed
  };

  Route route_of(const Exchange& exchange, std::string_view path, const SpanContext& context);
  std::string_view name_of(const Exchange& exchange, std::string_view route);
  void add_url(const Exchange& exchange, const struct HttpTarget& target,
               const SpanContext& context, ExchangeAttributes& attributes);

  TemplateBounds bounds_;
  HeaderAttributes headers_;
  SpanContentCounters counters_;
  Route route_;
  std::string guess_;
  std::string name_;
  std::string path_;
  std::string query_;
  std::string user_agent_;
  std::string url_full_;
  std::string url_redacted_;
  std::string status_text_;
};

}  // namespace kernspan
