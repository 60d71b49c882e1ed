#include "agent/span/exchange_attributes.h"

#include "agent/span/shed_mark.h"

namespace kernspan {

void ExchangeAttributes::add_addresses(const Exchange& exchange, std::string_view host,
                                       std::optional<std::uint16_t> port) {
  const bool is_server = exchange.role == Role::kServer;
  peer_text_ = exchange.remote.ip_text();
  if (host.empty()) {
    local_text_ = is_server ? exchange.local.ip_text() : peer_text_;
    add("server.address", std::string_view(local_text_));
  } else {
    add("server.address", host);
  }
  const std::uint16_t socket_port = is_server ? exchange.local.port : exchange.remote.port;
  add("server.port", std::int64_t{port.value_or(socket_port)});
  if (is_server) add("client.address", std::string_view(peer_text_));
  add("network.peer.address", std::string_view(peer_text_));
  add("network.peer.port", std::int64_t{exchange.remote.port});
}

void ExchangeAttributes::add_facts(const Exchange& exchange) {
  if (peer_service_) {
    add("service.peer.name", std::string_view(peer_service_->name));
    add("service.peer.namespace", std::string_view(peer_service_->namespace_name));
  }
  if (exchange.stream && !exchange.stream->reset.empty()) {
    add("kernspan.http2.reset", exchange.stream->reset);
    add("kernspan.http2.reset_by",
        std::string_view(exchange.stream->reset_by_client ? "client" : "server"));
  }
  if (exchange.evidence != Evidence::kNone) {
    add(kLinkEvidenceKey, evidence_name(exchange.evidence));
  }
  add_trace_mark(exchange);
  if (exchange.left_node) {
    peer_trace_text_ = derived_trace_id(exchange.wire_identity()).hex();
    add(kStitchPeerTraceIdKey, std::string_view(peer_trace_text_));
  }
  if (!exchange.partial.empty()) add("kernspan.partial", exchange.partial);
  if (exchange.head_truncated) add("kernspan.head_truncated", true);
}

void ExchangeAttributes::add_trace_mark(const Exchange& exchange) {
  if (exchange.trace_derived) add(kStitchDerivedKey, true);
  if (const double count = adjusted_count(exchange); count != 1) add(kAdjustedCountKey, count);
  trace_state_text_ = shed_trace_state(exchange);
}

otlp::SpanData ExchangeAttributes::span(const Exchange& exchange, std::string_view name,
                                        bool is_error) const {
  return {
      .trace_id = exchange.trace_id,
      .span_id = exchange.span_id,
      .parent_span_id = exchange.parent_span_id,
      .trace_state = trace_state_text_.empty() ? exchange.trace_state : trace_state_text_,
      .flags = exchange.trace_flags,
      .kind = exchange.role == Role::kServer ? otlp::SpanKind::kServer : otlp::SpanKind::kClient,
      .name = name,
      .start_time_unix_ns = wall_ns(exchange, exchange.start_ns),
      .end_time_unix_ns = wall_ns(exchange, exchange.end_ns),
      .status_code = is_error ? otlp::StatusCode::kError : otlp::StatusCode::kUnset,
      .status_message = {},
      .attributes = attributes_,
      .dropped_attributes_count = 0};
}

std::uint64_t wall_ns(const Exchange& exchange, std::uint64_t monotonic_ns) {
  return monotonic_ns + static_cast<std::uint64_t>(exchange.wall_offset_ns);
}

}  // namespace kernspan
