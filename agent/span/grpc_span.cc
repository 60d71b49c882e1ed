#include "agent/span/grpc_span.h"

#include "agent/protocol/grpc/call.h"
#include "agent/protocol/grpc/status.h"
#include "agent/span/http_target.h"

namespace kernspan {
namespace {

void add_flow(std::string_view messages_key, std::string_view bytes_key, const MessageFlow& flow,
              ExchangeAttributes& attributes) {
  if (flow.messages_known) attributes.add(messages_key, static_cast<std::int64_t>(flow.messages));
  if (flow.bytes_known) attributes.add(bytes_key, static_cast<std::int64_t>(flow.bytes));
}

// By kind: what a client did wrong is no error of its server.
bool is_error_call(const Exchange& exchange) {
  const std::optional<int> status = exchange.stream->rpc_status;
  if (!status) return !exchange.error_type.empty();
  return exchange.role == Role::kClient ? *status != grpc::kOk : grpc::is_server_error(*status);
}

}  // namespace

std::string_view grpc_span_name(const Exchange& exchange) {
  const std::string_view path = exchange.target;
  return grpc::parse_path(path) ? path.substr(1) : std::string_view("grpc");
}

void add_grpc_method(const Exchange& exchange, ExchangeAttributes& attributes) {
  attributes.add("rpc.system", std::string_view("grpc"));
  const std::optional<grpc::Method> method = grpc::parse_path(exchange.target);
  if (!method) return;
  attributes.add("rpc.service", method->service);
  attributes.add("rpc.method", method->method);
}

void add_grpc_messages(const Exchange& exchange, ExchangeAttributes& attributes) {
  const StreamFacts& facts = *exchange.stream;
  // Of gRPC-Web the messages are not told from what follows them.
  if (facts.rpc != grpc::Protocol::kGrpc) return;
  const bool is_client = exchange.role == Role::kClient;
  add_flow("kernspan.rpc.messages.sent", "kernspan.rpc.message_bytes.sent",
           is_client ? facts.request : facts.response, attributes);
  add_flow("kernspan.rpc.messages.received", "kernspan.rpc.message_bytes.received",
           is_client ? facts.response : facts.request, attributes);
}

void GrpcSpanWriter::write(const Exchange& exchange, const SpanOptions& options,
                           ExchangeAttributes& attributes, SpanContentCounters& counters,
                           otlp::RequestEncoder& encoder) {
  const StreamFacts& facts = *exchange.stream;
  const HttpTarget target = parse_http_target(exchange.method, exchange.target, exchange.host);
  attributes.clear();
  add_grpc_method(exchange, attributes);
  if (facts.rpc_status) attributes.add("rpc.grpc.status_code", std::int64_t{*facts.rpc_status});
  if (facts.rpc_status_derived) attributes.add("kernspan.rpc.status_derived", true);
  attributes.add_addresses(exchange, target.host, target.port);
  attributes.add("network.protocol.name", std::string_view("http"));
  attributes.add("network.protocol.version", http_version_text(exchange.version));
  if (exchange.status != 0 && exchange.status != 200) {
    attributes.add("http.response.status_code", std::int64_t{exchange.status});
  }
  if (facts.rpc != grpc::Protocol::kGrpc) {
    attributes.add("kernspan.rpc.protocol", grpc::protocol_name(facts.rpc));
  }
  add_grpc_messages(exchange, attributes);
  if (facts.timeout_ns) {
    constexpr double kNsPerMs = 1e6;
    attributes.add("kernspan.rpc.timeout_ms", static_cast<double>(*facts.timeout_ns) / kNsPerMs);
  }
  if (!exchange.user_agent.empty()) {
    attributes.add("user_agent.original",
                   options.redaction->redacted(exchange.user_agent, user_agent_));
  }
  headers_.add(exchange, options, attributes, counters);
  const bool is_error = is_error_call(exchange);
  if (is_error) {
    attributes.add("error.type", exchange.error_type.empty() ? grpc::status_name(*facts.rpc_status)
                                                             : exchange.error_type);
  }
  attributes.add_facts(exchange);
  encoder.add_span(attributes.span(exchange, grpc_span_name(exchange), is_error));
}

}  // namespace kernspan
