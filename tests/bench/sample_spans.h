// The spans that benchmarks of the OTLP path send: 20 attributes, about 700 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan {

inline std::span<const otlp::Attribute> sample_attributes() {
  static const std::array<otlp::Attribute, 20> kAttributes = {{
      {"http.request.method", "GET"},
      {"http.response.status_code", std::int64_t{200}},
      {"url.path", "/api/v1/cart/items"},
      {"url.scheme", "http"},
      {"server.address", "cart.shop.svc"},
      {"server.port", std::int64_t{8080}},
      {"client.address", "10.42.7.113"},
      {"network.peer.port", std::int64_t{53124}},
      {"network.protocol.version", "1.1"},
      {"user_agent.original", "okhttp/4.12.0"},
      {"http.route", "/api/v1/cart/items"},
      {"thread.id", std::int64_t{41}},
      {"thread.name", "http-nio-8080-exec-7"},
      {"code.function", "listItems"},
      {"enduser.id", "u-2718281828"},
      {"feature.new_checkout", true},
      {"cart.total", 149.95},
      {"k8s.pod.name", "cart-7d9c6f5b8-x2x4z"},
      {"k8s.namespace.name", "shop"},
      {"container.id", "8f3c2b7a9d1e"},
  }};
  return kAttributes;
}

// One request of one resource. Traces have ten spans each.
inline otlp::Batch sample_request(std::size_t spans) {
  const std::array<otlp::Attribute, 3> resource = {
      {{"service.name", "cart"}, {"service.version", "1.8.3"}, {"host.name", "node-17"}}};
  otlp::RequestEncoder encoder;
  encoder.begin_resource(otlp::encode_resource(resource));
  otlp::SpanData span;
  span.name = "GET /api/v1/cart/items";
  span.kind = otlp::SpanKind::kServer;
  span.start_time_unix_ns = 1'700'000'000'000'000'000;
  span.end_time_unix_ns = 1'700'000'000'001'000'000;
  span.attributes = sample_attributes();
  for (std::uint64_t i = 0; i < spans; ++i) {
    const std::uint64_t trace = i / 10 * 0x9E37'79B9'7F4A'7C15 + 1;
    const std::uint64_t id = i * 0xD1B5'4A32'D192'ED03 + 1;
    std::memcpy(span.trace_id.bytes.data(), &trace, sizeof trace);
    std::memcpy(span.trace_id.bytes.data() + sizeof trace, &trace, sizeof trace);
    std::memcpy(span.span_id.bytes.data(), &id, sizeof id);
    span.parent_span_id = span.span_id;
    encoder.add_span(span);
  }
  return encoder.take();
}

}  // namespace kernspan
