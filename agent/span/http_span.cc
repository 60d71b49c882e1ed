#include "agent/span/http_span.h"

#include <algorithm>
#include <array>

#include "agent/span/http_target.h"

namespace kernspan {
namespace {

// Methods that the conventions call known; names and http.request.method must be of low
// cardinality.
constexpr std::array<std::string_view, 9> kKnownMethods{
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"};

std::string_view version_text(int minor) {
  return minor == 0 ? "1.0" : "1.1";
}

bool is_error_status(const Exchange& exchange) {
  return exchange.status >= (exchange.role == Role::kClient ? 400 : 500);
}

}  // namespace

void HttpSpanWriter::add_addresses(const Exchange& exchange, const HttpTarget& target) {
  const bool is_server = exchange.role == Role::kServer;
  peer_text_ = exchange.remote.ip_text();
  if (target.host.empty()) {
    local_text_ = is_server ? exchange.local.ip_text() : peer_text_;
    add("server.address", std::string_view(local_text_));
  } else {
    add("server.address", target.host);
  }
  const std::uint16_t socket_port = is_server ? exchange.local.port : exchange.remote.port;
  add("server.port", std::int64_t{target.port.value_or(socket_port)});
  if (is_server) add("client.address", std::string_view(peer_text_));
  add("network.peer.address", std::string_view(peer_text_));
  add("network.peer.port", std::int64_t{exchange.remote.port});
}

void HttpSpanWriter::add_url(const Exchange& exchange, const HttpTarget& target) {
  const std::string_view scheme = target.scheme.empty() ? "http" : target.scheme;
  add("url.scheme", scheme);
  if (!target.path.empty()) add("url.path", target.path);
  const bool with_query = options_.url_query && !target.query.empty();
  if (with_query) add("url.query", target.query);
  if (exchange.role == Role::kServer) return;
  url_full_.assign(scheme).append("://");
  const bool is_v6 = target.host.find(':') != std::string_view::npos;
  if (target.host.empty()) {
    const bool peer_is_v6 = !exchange.remote.is_v4();
    url_full_.append(peer_is_v6 ? "[" : "").append(peer_text_).append(peer_is_v6 ? "]" : "");
  } else {
    url_full_.append(is_v6 ? "[" : "").append(target.host).append(is_v6 ? "]" : "");
  }
  const std::uint16_t port = target.port.value_or(exchange.remote.port);
  if (port != 80) url_full_.append(":").append(std::to_string(port));
  url_full_.append(target.path);
  if (with_query) url_full_.append("?").append(target.query);
  add("url.full", std::string_view(url_full_));
}

void HttpSpanWriter::write(const Exchange& exchange, otlp::RequestEncoder& encoder) {
  attributes_.clear();
  const std::string_view method = exchange.method;
  const bool known =
      std::find(kKnownMethods.begin(), kKnownMethods.end(), method) != kKnownMethods.end();
  add("http.request.method", known ? method : std::string_view("_OTHER"));
  if (!known) add("http.request.method_original", method);
  const HttpTarget target = parse_http_target(method, exchange.target, exchange.host);
  add_addresses(exchange, target);
  add_url(exchange, target);
  add("network.protocol.version", version_text(exchange.version_minor));
  if (exchange.status != 0) add("http.response.status_code", std::int64_t{exchange.status});
  if (exchange.request_body_bytes.value_or(0) > 0) {
    add("http.request.body.size", static_cast<std::int64_t>(*exchange.request_body_bytes));
  }
  if (exchange.response_body_bytes) {
    add("http.response.body.size", static_cast<std::int64_t>(*exchange.response_body_bytes));
  }
  if (!exchange.user_agent.empty())
    add("user_agent.original", std::string_view(exchange.user_agent));

  const bool is_error = !exchange.error_type.empty() || is_error_status(exchange);
  if (!exchange.error_type.empty()) {
    add("error.type", exchange.error_type);
  } else if (is_error) {
    status_text_ = std::to_string(exchange.status);
    add("error.type", std::string_view(status_text_));
  }
  if (exchange.evidence != Evidence::kNone) {
    add("kernspan.link.evidence", evidence_name(exchange.evidence));
  }
  if (!exchange.partial.empty()) add("kernspan.partial", exchange.partial);
  if (exchange.head_truncated) add("kernspan.head_truncated", true);

  const auto wall = [&](std::uint64_t monotonic_ns) {
    return monotonic_ns + static_cast<std::uint64_t>(exchange.wall_offset_ns);
  };
  encoder.add_span(
      {.trace_id = exchange.trace_id,
       .span_id = exchange.span_id,
       .parent_span_id = exchange.parent_span_id,
       .trace_state = exchange.trace_state,
       .flags = exchange.trace_flags,
       .kind = exchange.role == Role::kServer ? otlp::SpanKind::kServer : otlp::SpanKind::kClient,
       .name = known ? method : std::string_view("HTTP"),
       .start_time_unix_ns = wall(exchange.start_ns),
       .end_time_unix_ns = wall(exchange.end_ns),
       .status_code = is_error ? otlp::StatusCode::kError : otlp::StatusCode::kUnset,
       .status_message = {},
       .attributes = attributes_,
       .dropped_attributes_count = 0});
}

}  // namespace kernspan
