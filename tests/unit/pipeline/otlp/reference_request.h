// Requests made with protobuf's generated classes, for tests of the wire code.
#pragma once

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <cstddef>
#include <string>

namespace kernspan::otlp {

using ReferenceRequest = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

// A request of one resource and one scope with that many spans, numbered from 0 in their ids.
inline ReferenceRequest reference_request(std::size_t spans, std::string service = "shop") {
  ReferenceRequest request;
  auto& resource_spans = *request.add_resource_spans();
  auto& name = *resource_spans.mutable_resource()->add_attributes();
  name.set_key("service.name");
  name.mutable_value()->set_string_value(std::move(service));
  auto& scope_spans = *resource_spans.add_scope_spans();
  scope_spans.mutable_scope()->set_name("reference");
  for (std::size_t i = 0; i < spans; ++i) {
    auto& span = *scope_spans.add_spans();
    std::string id(16, '\x11');
    for (std::size_t byte = 0; byte < 4; ++byte) {
      id[byte] = static_cast<char>(i >> (8 * byte));
    }
    span.set_trace_id(id);
    span.set_span_id(id.substr(0, 8));
    span.set_name("GET /cart");
    span.set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
    span.set_start_time_unix_nano(1'700'000'000'000'000'000 + i);
    span.set_end_time_unix_nano(1'700'000'000'001'000'000 + i);
  }
  return request;
}

inline std::string reference_bytes(std::size_t spans, std::string service = "shop") {
  return reference_request(spans, std::move(service)).SerializeAsString();
}

}  // namespace kernspan::otlp
