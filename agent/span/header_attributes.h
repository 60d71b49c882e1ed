// Captured header fields as attributes of a span.
// Spec: OpenTelemetry semantic conventions: http.request.header.<key>, http.response.header.<key>,
// rpc.grpc.request.metadata.<key>, rpc.grpc.response.metadata.<key>, lists of strings.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "agent/conn/exchange.h"
#include "agent/span/exchange_attributes.h"
#include "agent/span/span_options.h"

namespace kernspan {

// Whether the name says that the value is a credential, or stands for one. `name` in lower case.
bool is_sensitive_header(std::string_view name);

// Keeps its buffers from span to span. One thread.
class HeaderAttributes {
 public:
  // Those of the exchange that the options allow. They are borrowed until the next call.
  void add(const Exchange& exchange, const SpanOptions& options, ExchangeAttributes& attributes,
           SpanContentCounters& counters);

 private:
  std::string_view shown(const CapturedHeader& field, const SpanOptions& options,
                         SpanContentCounters& counters);
  std::string_view shown_url(std::string_view url, const SpanOptions& options);

  std::deque<std::string> texts_;  // that the attributes borrow
  std::vector<std::string_view> values_;
};

}  // namespace kernspan
