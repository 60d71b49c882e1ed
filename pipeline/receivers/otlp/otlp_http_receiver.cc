#include "pipeline/receivers/otlp/otlp_http_receiver.h"

#include <fmt/format.h>

#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/otlp/json_request.h"
#include "pipeline/otlp/rpc_answer.h"
#include "pipeline/receivers/server_auth.h"

namespace kernspan {
namespace {

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

}  // namespace

OtlpHttpReceiver::OtlpHttpReceiver(const ComponentContext& context, OtlpHttpServerSettings settings,
                                   Consumer& next)
    : path_(context.path + "::protocols::http"),
      settings_(std::move(settings)),
      signals_(context.signals),
      extensions_(context.extensions),
      questions_(context.span_questions),
      next_(next),
      books_(context, "http"),
      refusals_(books_) {}

OtlpHttpReceiver::~OtlpHttpReceiver() {
  stop(std::chrono::steady_clock::now());
}

Status OtlpHttpReceiver::start() {
  const auto authenticator = find_authenticator(extensions_, settings_.server.authenticator, path_);
  if (!authenticator) return std::unexpected(authenticator.error());
  listener_ = std::make_unique<HttpListener>(
      settings_.server,
      HttpListener::Environment{.path = path_,
                                .service = *this,
                                .authenticator = *authenticator,
                                .closed_connections = books_.refused_requests("connection_limit"),
                                .failed_handshakes = books_.refused_requests("tls_handshake"),
                                .tls_reload_failures = books_.refused_requests("tls_reload")});
  if (Status listening = listener_->start(); !listening) return listening;
  log_info("{}: OTLP over HTTP on {} (port {})", path_, settings_.server.endpoint, port());
  return {};
}

void OtlpHttpReceiver::stop(std::chrono::steady_clock::time_point deadline) {
  if (listener_ != nullptr) listener_->stop(deadline);
}

std::optional<otlp::Signal> OtlpHttpReceiver::signal_of(const HttpHead& head) const {
  if (head.path == settings_.traces_path) return otlp::Signal::kTraces;
  if (head.path == settings_.metrics_path) return otlp::Signal::kMetrics;
  return std::nullopt;
}

std::optional<HttpServerAnswer> OtlpHttpReceiver::refuse(const HttpHead& head) const {
  const auto signal = signal_of(head);
  if (!signal || !signals_.contains(*signal)) {
    const std::string why =
        signal ? fmt::format("no pipeline of {} has this receiver", otlp::name_of(*signal))
               : std::string("there is no such endpoint");
    return HttpServerAnswer{.status = 404, .content_type = "text/plain", .body = "404 " + why};
  }
  if (head.method != "POST") {
    return HttpServerAnswer{.status = 405,
                            .content_type = "text/plain",
                            .body = "405 method not allowed, supported: [POST]"};
  }
  if (head.content_type == kProtobuf || head.content_type == kJson) return std::nullopt;
  return HttpServerAnswer{
      .status = 415,
      .content_type = "text/plain",
      .body = "415 unsupported media type, supported: [application/json, application/x-protobuf]"};
}

Status OtlpHttpReceiver::admit(const HttpHead& head, std::size_t bytes) {
  const auto signal = signal_of(head);
  return signal ? next_.admit(*signal, bytes) : Status();
}

HttpServerAnswer OtlpHttpReceiver::serve(const HttpHead& head, std::string body) {
  const otlp::Signal signal = signal_of(head).value_or(otlp::Signal::kTraces);
  const bool is_json = head.content_type == kJson;
  if (is_json) {
    auto encoded = otlp::encode_json_request(body, signal);
    if (!encoded) return malformed(head, encoded.error());
    body = std::move(*encoded);
  }
  auto batch = otlp::Batch::from_wire(std::move(body), signal, questions_);
  if (!batch) return malformed(head, batch.error());
  if (const Status taken = books_.hand_on(next_, std::move(*batch)); !taken) {
    return error(head, taken.error().kind == ErrorKind::kRetryable ? 503 : 500,
                 taken.error().message);
  }
  // An Export...ServiceResponse without fields.
  if (is_json) return {.content_type = std::string(kJson), .body = "{\"partialSuccess\":{}}"};
  return {.content_type = std::string(kProtobuf)};
}

HttpServerAnswer OtlpHttpReceiver::malformed(const HttpHead& head, const Error& error) {
  refused(HttpRefusal::kMalformed).add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a request: {}", path_, error.message);
  return this->error(head, 400, error.message);
}

HttpServerAnswer OtlpHttpReceiver::error(const HttpHead& head, int status,
                                         std::string_view message) const {
  const otlp::RpcCode code = otlp::rpc_code(status);
  if (head.content_type == kProtobuf) {
    return {.status = status,
            .content_type = head.content_type,
            .body = otlp::encode_status(code, message)};
  }
  return {.status = status,
          .content_type = std::string(kJson),
          .body = otlp::encode_status_json(code, message)};
}

}  // namespace kernspan
