// An HTTP exchange as an OpenTelemetry span.
// Spec: OpenTelemetry semantic conventions, HTTP spans (stable).
#pragma once

#include <string>
#include <vector>

#include "agent/conn/exchange.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

struct HttpSpanOptions {
  // url.query and the query part of url.full: off, because queries carry tokens and personal data.
  bool url_query = false;
};

// Keeps its buffers from span to span. Not for several threads at once.
class HttpSpanWriter {
 public:
  explicit HttpSpanWriter(HttpSpanOptions options) : options_(options) {}

  // The exchange has ended and is settled (agent/causality/linker.h). Its resource has been begun.
  void write(const Exchange& exchange, otlp::RequestEncoder& encoder);

 private:
  void add(std::string_view key, otlp::AttributeValue value) {
    attributes_.push_back({key, value});
  }
  void add_addresses(const Exchange& exchange, const struct HttpTarget& target);
  void add_url(const Exchange& exchange, const struct HttpTarget& target);

  HttpSpanOptions options_;
  std::vector<otlp::Attribute> attributes_;
  std::string peer_text_;
  std::string local_text_;
  std::string url_full_;
  std::string status_text_;
};

}  // namespace kernspan
