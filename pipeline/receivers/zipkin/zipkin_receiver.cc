#include "pipeline/receivers/zipkin/zipkin_receiver.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/receivers/http/http_listener.h"
#include "pipeline/receivers/http/http_refusals.h"
#include "pipeline/receivers/receiver_books.h"
#include "pipeline/receivers/server_auth.h"
#include "pipeline/receivers/zipkin/zipkin_translator.h"

namespace kernspan {
namespace {

constexpr std::string_view kV1Path = "/api/v1/spans";
constexpr std::string_view kV2Path = "/api/v2/spans";

struct ZipkinSettings {
  HttpServerSettings server = {.endpoint = "localhost:9411"};
  bool parse_string_tags = false;
};

// Answers 202; refused by the pipeline 503 when it is worth another try, else 400. Upstream says 500
// for the former, which no client takes for an invitation to come again.
class ZipkinReceiver final : public Receiver, private HttpService {
 public:
  ZipkinReceiver(const ComponentContext& context, ZipkinSettings settings, Consumer& next)
      : path_(context.path),
        settings_(std::move(settings)),
        extensions_(context.extensions),
        clock_(context.clock),
        next_(next),
        v1_books_(context, "http_v1_json"),
        v2_books_(context, "http_v2_json"),
        refusals_(v2_books_) {}
  ~ZipkinReceiver() override { stop(std::chrono::steady_clock::now()); }

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override {
    if (listener_ != nullptr) listener_->stop(deadline);
  }

 private:
  std::optional<HttpServerAnswer> refuse(const HttpHead& head) const override;
  Status admit(const HttpHead&, std::size_t bytes) override {
    return next_.admit(otlp::Signal::kTraces, bytes);
  }
  HttpServerAnswer serve(const HttpHead& head, std::string body) override;
  HttpServerAnswer error(const HttpHead&, int status, std::string_view message) const override {
    return {.status = status, .content_type = "text/plain", .body = std::string(message)};
  }
  Counter& refused(HttpRefusal reason) override { return refusals_.of(reason); }

  const std::string path_;
  const ZipkinSettings settings_;
  const Extensions& extensions_;
  const Clock& clock_;
  Consumer& next_;
  const ReceiverBooks v1_books_;
  const ReceiverBooks v2_books_;
  const HttpRefusals refusals_;  // of both: what was sent is not known
  std::unique_ptr<HttpListener> listener_;
};

Status ZipkinReceiver::start() {
  const auto authenticator = find_authenticator(extensions_, settings_.server.authenticator, path_);
  if (!authenticator) return std::unexpected(authenticator.error());
  listener_ = std::make_unique<HttpListener>(
      settings_.server, HttpListener::Environment{
                            .path = path_,
                            .service = *this,
                            .authenticator = *authenticator,
                            .closed_connections = v2_books_.refused_requests("connection_limit"),
                            .failed_handshakes = v2_books_.refused_requests("tls_handshake"),
                            .tls_reload_failures = v2_books_.refused_requests("tls_reload")});
  if (Status listening = listener_->start(); !listening) return listening;
  log_info("{}: Zipkin over HTTP on {} (port {})", path_, settings_.server.endpoint,
           listener_->port());
  return {};
}

std::optional<HttpServerAnswer> ZipkinReceiver::refuse(const HttpHead& head) const {
  if (head.path != kV1Path && head.path != kV2Path) {
    return error(head, 404, "404 there is no such endpoint: /api/v2/spans and /api/v1/spans are");
  }
  if (head.method != "POST") return error(head, 405, "405 method not allowed, supported: [POST]");
  // Clients that send JSON may well say nothing of it.
  if (head.content_type == "application/x-thrift" ||
      head.content_type == "application/vnd.apache.thrift.binary" ||
      head.content_type == "application/x-protobuf") {
    return error(
        head, 415,
        fmt::format("415 unsupported media type {}: have the client send JSON", head.content_type));
  }
  return std::nullopt;
}

HttpServerAnswer ZipkinReceiver::serve(const HttpHead& head, std::string body) {
  const bool is_v1 = head.path == kV1Path;
  const ZipkinOptions options{.parse_string_tags = settings_.parse_string_tags,
                              .now_unix_ns = clock_.wall_ns()};
  auto request = is_v1 ? translate_zipkin_v1(body, options) : translate_zipkin_v2(body, options);
  body = {};
  auto batch =
      request ? otlp::Batch::from_wire(std::move(*request)) : std::unexpected(request.error());
  if (!batch) {
    refused(HttpRefusal::kMalformed).add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a request: {}", path_, batch.error().message);
    return error(head, 400, batch.error().message);
  }
  const ReceiverBooks& books = is_v1 ? v1_books_ : v2_books_;
  const Status taken = books.hand_on(next_, std::move(*batch));
  if (taken) return {.status = 202};
  return error(head, taken.error().kind == ErrorKind::kRetryable ? 503 : 400,
               taken.error().message);
}

Result<std::unique_ptr<Receiver>> create_zipkin(const ConfigNode& node,
                                                const ComponentContext& context, Consumer& next) {
  ZipkinSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  read_http_server(reader, &settings.server);
  reader.boolean("parse_string_tags", &settings.parse_string_tags);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<ZipkinReceiver>(context, std::move(settings), next);
}

}  // namespace

ReceiverFactory zipkin_receiver_factory() {
  return {.type = "zipkin", .create = create_zipkin};
}

}  // namespace kernspan
