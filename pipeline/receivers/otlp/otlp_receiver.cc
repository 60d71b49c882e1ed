#include "pipeline/receivers/otlp/otlp_receiver.h"

#include <fmt/format.h>

#include <algorithm>
#include <expected>
#include <string>
#include <thread>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/base/percent_encoding.h"
#include "pipeline/component/request_peer.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/rpc_status.h"
#include "pipeline/receivers/grpc/unary_server.h"
#include "pipeline/receivers/server_auth.h"

namespace kernspan {
namespace {

// Calls that are read and handed on at a time. With the largest message this bounds the receiver's
// memory.
constexpr std::size_t kMaxCalls = 128;
constexpr unsigned kMaxThreads = 4;
constexpr std::size_t kMaxQuotedMethod = 128;

grpc::Status to_grpc(const Error& error) {
  return {error.kind == ErrorKind::kRetryable ? grpc::StatusCode::UNAVAILABLE
                                              : grpc::StatusCode::INTERNAL,
          error.message};
}

// gRPC writes "ipv4:10.0.0.7:5123", and "ipv6:[fd00::7]:5123" with or without %5B in place of the
// brackets.
class GrpcPeer final : public RequestPeer {
 public:
  explicit GrpcPeer(const grpc::ServerContextBase& context) : context_(context) {}

  std::string address() const override {
    const std::string peer = percent_decoded(context_.peer()).value_or("");
    const std::size_t begin = peer.find(':') + 1;
    const std::size_t end = peer.rfind(':');
    if (!peer.starts_with("ipv") || end < begin) return "";
    std::string address = peer.substr(begin, end - begin);
    if (address.starts_with('[') && address.ends_with(']')) {
      address = address.substr(1, address.size() - 2);
    }
    return address;
  }

 private:
  const grpc::ServerContextBase& context_;
};

}  // namespace

class OtlpReceiver::Service final : public GrpcUnaryService {
 public:
  Service(const std::string& path, std::uint64_t max_message_bytes, otlp::Signals signals,
          const otlp::SpanQuestions* questions, Consumer& next, const Books& books)
      : path_(path),
        max_message_bytes_(max_message_bytes),
        signals_(signals),
        questions_(questions),
        next_(next),
        books_(books) {}

  std::expected<int, grpc::Status> find_method(const std::string& path) override;
  grpc::Status answer(int method, const grpc::ServerContextBase& context,
                      const grpc::ByteBuffer& request, grpc::ByteBuffer* reply) override;
  void count(Unread reason) override;

 private:
  const std::string& path_;
  const std::uint64_t max_message_bytes_;
  const otlp::Signals signals_;
  const otlp::SpanQuestions* const questions_;  // may be null
  Consumer& next_;
  const Books& books_;
};

void OtlpReceiver::Service::count(Unread reason) {
  switch (reason) {
    case Unread::kUnauthenticated:
      return books_.unauthenticated.add();
    case Unread::kNoMessage:
      return books_.no_message.add();
    case Unread::kTimeout:
      return books_.message_timeout.add();
  }
}

std::expected<int, grpc::Status> OtlpReceiver::Service::find_method(const std::string& path) {
  for (const otlp::Signal signal : otlp::kAllSignals) {
    if (path != otlp::export_method(signal)) continue;
    if (signals_.contains(signal)) return static_cast<int>(signal);
    books_.unimplemented.add();
    return std::unexpected(
        grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                     fmt::format("unknown method {}: no pipeline of {} has this receiver", path,
                                 otlp::name_of(signal))));
  }
  books_.unimplemented.add();
  return std::unexpected(
      grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                   fmt::format("unknown method {}: traces and metrics are received here",
                               path.substr(0, kMaxQuotedMethod))));
}

grpc::Status OtlpReceiver::Service::answer(int method, const grpc::ServerContextBase& context,
                                           const grpc::ByteBuffer& message,
                                           grpc::ByteBuffer* reply) {
  const auto signal = static_cast<otlp::Signal>(method);
  if (const Status admitted = next_.admit(signal, message.Length()); !admitted) {
    books_.not_admitted.add();
    return to_grpc(admitted.error());
  }
  auto request = otlp::to_inflated_slices(message, max_message_bytes_);
  if (!request && request.error() == otlp::GunzipError::kTooLarge) {
    books_.too_large.add();
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            fmt::format("the message is larger than {} bytes when decompressed: raise "
                        "max_recv_msg_size_mib here, or send smaller batches",
                        max_message_bytes_)};
  }
  auto batch = request ? otlp::Batch::from_wire(std::move(*request), signal, questions_)
                       : permanent("the message is not well-formed gzip");
  if (!batch) {
    books_.malformed.add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a request: {}", path_, batch.error().message);
    return {grpc::StatusCode::INVALID_ARGUMENT, batch.error().message};
  }
  const GrpcPeer peer(context);
  const RequestPeerScope scope(peer);
  const Status taken = books_.items.hand_on(next_, std::move(*batch));
  if (!taken) return to_grpc(taken.error());
  *reply = otlp::empty_message();
  return grpc::Status::OK;
}

OtlpReceiver::OtlpReceiver(const ComponentContext& context, GrpcServerSettings settings,
                           Consumer& next)
    : path_(context.path + "::protocols::grpc"),
      settings_(std::move(settings)),
      signals_(context.signals),
      extensions_(context.extensions),
      next_(next),
      item_books_(context, "grpc"),
      books_{.items = item_books_,
             .malformed = item_books_.refused_requests("malformed"),
             .too_large = item_books_.refused_requests("too_large"),
             .no_message = item_books_.refused_requests("no_message"),
             .message_timeout = item_books_.refused_requests("message_timeout"),
             .not_admitted = item_books_.refused_requests("not_admitted"),
             .unauthenticated = item_books_.refused_requests("unauthenticated"),
             .unimplemented = item_books_.refused_requests("unimplemented")},
      service_(std::make_unique<Service>(path_, settings_.max_recv_msg_size_bytes, signals_,
                                         context.span_questions, next_, books_)) {}

OtlpReceiver::~OtlpReceiver() {
  stop(std::chrono::steady_clock::now());
}

Status OtlpReceiver::start() {
  const auto authenticator = find_authenticator(extensions_, settings_.authenticator, path_);
  if (!authenticator) return std::unexpected(authenticator.error());
  const GrpcUnaryServer::Limits limits = {
      .calls = kMaxCalls,
      .threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads)};
  server_ = std::make_unique<GrpcUnaryServer>(path_, settings_, limits, *authenticator, *service_);
  if (Status listening = server_->listen(); !listening) return listening;
  log_info("{}: OTLP over gRPC on {} (port {})", path_, settings_.endpoint, server_->port());
  return {};
}

void OtlpReceiver::stop(std::chrono::steady_clock::time_point deadline) {
  if (server_ != nullptr) server_->stop(deadline);
}

int OtlpReceiver::port() const {
  return server_ == nullptr ? 0 : server_->port();
}

}  // namespace kernspan
