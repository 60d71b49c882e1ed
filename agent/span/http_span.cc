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

bool is_known_method(std::string_view method) {
  return std::find(kKnownMethods.begin(), kKnownMethods.end(), method) != kKnownMethods.end();
}

// Of HTTP/1 what the target says, else http: TLS is not seen through. Of HTTP/2 what the request
// says, if that is known.
std::string_view scheme_of(const Exchange& exchange, const HttpTarget& target) {
  if (exchange.version == HttpVersion::k2) return exchange.stream->scheme;
  return target.scheme.empty() ? "http" : target.scheme;
}

bool is_error_status(const Exchange& exchange) {
  return exchange.status >= (exchange.role == Role::kClient ? 400 : 500);
}

}  // namespace

std::string_view HttpSpanWriter::name_of(const Exchange& exchange, std::string_view route) {
  const std::string_view method =
      is_known_method(exchange.method) ? std::string_view(exchange.method) : "HTTP";
  if (route.empty()) return method;
  name_.assign(method).append(" ").append(route);
  return name_;
}

std::string_view HttpSpanWriter::name(const Exchange& exchange, const SpanContext& context) {
  if (!context.options.has_templates()) return name_of(exchange, {});
  const HttpTarget target = parse_http_target(exchange.method, exchange.target, exchange.host);
  return name_of(exchange, route_of(exchange, target.path, context).text);
}

HttpSpanWriter::Route HttpSpanWriter::route_of(const Exchange& exchange, std::string_view path,
                                               const SpanContext& context) {
  const SpanOptions& options = context.options;
  if (options.templates) {
    const std::string_view found = options.templates->find(path);
    if (!found.empty()) return {.text = found, .is_configured = true};
  }
  if (!options.guess_templates) return {};
  // What a pattern redacts must not come back through the name.
  std::string storage;
  const std::string_view guess = guess_template(options.redaction->redacted(path, storage), guess_);
  if (guess.empty()) return {};
  // A path that is not there is no route: those who try thousands must not use up the templates.
  const bool may_add = exchange.status != 404;
  if (bounds_.admits(context.service, guess, options.guessed_templates_max, may_add)) {
    return {.text = guess};
  }
  ++counters_.templates_bounded;
  return {.text = kAnyPath};
}

void HttpSpanWriter::add_url(const Exchange& exchange, const HttpTarget& target,
                             const SpanContext& context, ExchangeAttributes& attributes) {
  const SpanOptions& options = context.options;
  const std::string_view scheme = scheme_of(exchange, target);
  if (!scheme.empty()) attributes.add("url.scheme", scheme);
  std::string_view path = target.path;
  route_ = {};
  if (options.has_templates()) {
    route_ = route_of(exchange, path, context);
    // Only what the operator says of the routes of a server is one.
    const bool is_route = route_.is_configured && exchange.role == Role::kServer;
    if (!route_.text.empty()) attributes.add(is_route ? "http.route" : "url.template", route_.text);
  }
  if (options.replace_path && !route_.text.empty()) {
    path = route_.text;
  } else {
    path = options.redaction->redacted(path, path_);
  }
  if (!path.empty()) attributes.add("url.path", path);
  std::string_view query;
  if (options.url_query) query = options.redaction->redacted_query(target.query, query_);
  if (!query.empty()) attributes.add("url.query", query);
  if (exchange.role == Role::kServer) return;
  // Without its scheme or path it would be another URL.
  if (scheme.empty() || exchange.target.empty()) return;
  url_full_.assign(scheme).append("://");
  const bool is_v6 = target.host.find(':') != std::string_view::npos;
  if (target.host.empty()) {
    const bool peer_is_v6 = !exchange.remote.is_v4();
    url_full_.append(peer_is_v6 ? "[" : "").append(attributes.peer()).append(peer_is_v6 ? "]" : "");
  } else {
    url_full_.append(is_v6 ? "[" : "").append(target.host).append(is_v6 ? "]" : "");
  }
  const std::uint16_t port = target.port.value_or(exchange.remote.port);
  const std::uint16_t default_port = scheme == "https" ? 443 : 80;
  if (port != default_port) url_full_.append(":").append(std::to_string(port));
  url_full_.append(path);
  if (!query.empty()) url_full_.append("?").append(query);
  attributes.add("url.full", options.redaction->redacted(url_full_, url_redacted_));
}

void HttpSpanWriter::write(const Exchange& exchange, const SpanContext& context,
                           ExchangeAttributes& attributes, otlp::RequestEncoder& encoder) {
  attributes.clear();
  const std::string_view method = exchange.method;
  const bool known = is_known_method(method);
  // Of a joined HTTP/2 connection it may not be known.
  if (!method.empty()) {
    attributes.add("http.request.method", known ? method : std::string_view("_OTHER"));
    if (!known) attributes.add("http.request.method_original", method);
  }
  const HttpTarget target = parse_http_target(method, exchange.target, exchange.host);
  attributes.add_addresses(exchange, target.host, target.port);
  add_url(exchange, target, context, attributes);
  attributes.add("network.protocol.version", http_version_text(exchange.version));
  if (exchange.status != 0) {
    attributes.add("http.response.status_code", std::int64_t{exchange.status});
  }
  if (exchange.request_body_bytes.value_or(0) > 0) {
    attributes.add("http.request.body.size",
                   static_cast<std::int64_t>(*exchange.request_body_bytes));
  }
  if (exchange.response_body_bytes) {
    attributes.add("http.response.body.size",
                   static_cast<std::int64_t>(*exchange.response_body_bytes));
  }
  if (!exchange.user_agent.empty()) {
    attributes.add("user_agent.original",
                   context.options.redaction->redacted(exchange.user_agent, user_agent_));
  }
  headers_.add(exchange, context.options, attributes, counters_);

  const bool is_error = !exchange.error_type.empty() || is_error_status(exchange);
  if (!exchange.error_type.empty()) {
    attributes.add("error.type", exchange.error_type);
  } else if (is_error) {
    status_text_ = std::to_string(exchange.status);
    attributes.add("error.type", std::string_view(status_text_));
  }
  attributes.add_facts(exchange);
  encoder.add_span(attributes.span(exchange, name_of(exchange, route_.text), is_error));
}

}  // namespace kernspan
