#include "pipeline/exporters/otlp/grpc_transport.h"

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <charconv>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "pipeline/exporters/otlp/grpc_channel.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/grpc_log.h"
#include "pipeline/otlp/rpc_status.h"

namespace kernspan {
namespace {

// Whether a RESOURCE_EXHAUSTED is about the size of the request: the words of gRPC in C++, Go and
// Python ("larger than max"), in Java ("exceeds maximum size") and of this program's receiver. A
// response that is larger than this client takes is refused by itself in the same words: the size
// they name tells it from the request.
bool refuses_the_size(std::string_view message, std::size_t request_bytes) {
  const bool has_the_words = message.find("larger than max") != std::string_view::npos ||
                             message.find("exceeds maximum size") != std::string_view::npos ||
                             message.find("message is larger than") != std::string_view::npos;
  if (!has_the_words) return false;
  const std::size_t bracket = message.find('(');
  if (bracket == std::string_view::npos) return true;
  std::size_t size = 0;
  const std::string_view number = message.substr(bracket + 1);
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), size);
  return parsed.ec != std::errc{} || size <= request_bytes;
}

SendOutcome outcome_of(const grpc::Status& status, const grpc::ByteBuffer& response,
                       std::size_t request_bytes) {
  SendOutcome outcome;
  if (status.ok()) {
    const auto partial = otlp::parse_export_response(otlp::to_slice(response).view());
    if (!partial) {
      // The peer took the request; what it said about it cannot be read.
      outcome.message = partial.error().message;
    } else {
      outcome.rejected_spans = partial->rejected_spans;
      outcome.message = partial->message;
    }
    return outcome;
  }
  const auto delay = otlp::parse_retry_delay(status.error_details());
  outcome.kind = judge_grpc_status(status.error_code(), delay.has_value(), status.error_message(),
                                   request_bytes);
  outcome.asked_delay = delay.value_or(std::chrono::nanoseconds{0});
  outcome.message = fmt::format("gRPC status {}: {}", static_cast<int>(status.error_code()),
                                status.error_message());
  return outcome;
}

struct Call {
  std::shared_ptr<grpc::GenericStub> stub;  // its channel lives as long as its calls
  std::size_t request_bytes = 0;
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  Transport::Done done;
};

}  // namespace

SendOutcome::Kind judge_grpc_status(int code, bool has_retry_info, std::string_view message,
                                    std::size_t request_bytes) {
  using Kind = SendOutcome::Kind;
  switch (code) {
    case grpc::StatusCode::OK:
      return Kind::kSent;
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return Kind::kRetryable;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      if (has_retry_info) return Kind::kRetryable;
      return refuses_the_size(message, request_bytes) ? Kind::kTooLarge : Kind::kPermanent;
    default:
      return Kind::kPermanent;
  }
}

class GrpcTransport::Implementation {
 public:
  Implementation(const OtlpExporterSettings& settings, const ClientTlsMaterial& material)
      : settings_(settings), thread_([this] { run(); }) {
    reconnect(material);
  }

  ~Implementation() {
    queue_.Shutdown();
    thread_.join();
  }

  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) {
    auto call = std::make_unique<Call>();
    call->done = std::move(done);
    if (timeout > std::chrono::nanoseconds{0}) {
      // The monotonic clock: a step of the wall clock must not end or prolong an attempt.
      call->context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                              gpr_time_from_nanos(timeout.count(), GPR_TIMESPAN)));
    }
    for (const auto& [name, value] : settings_.headers) call->context.AddMetadata(name, value);
    const auto headers = auth_headers(settings_.auth);
    if (!headers) {
      call->done({.kind = SendOutcome::Kind::kRetryable, .message = headers.error().message});
      return;
    }
    for (const auto& [name, value] : *headers) call->context.AddMetadata(name, value);
    if (settings_.wait_for_ready) call->context.set_wait_for_ready(true);
    if (settings_.compression == Compression::kGzip) {
      call->context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    }
    {
      const std::scoped_lock lock(mutex_);
      call->stub = stub_;
      calls_.insert(call.get());
    }
    call->request_bytes = batch.byte_count();
    call->reader = call->stub->PrepareUnaryCall(&call->context, otlp::export_method(batch.signal()),
                                                otlp::to_byte_buffer(batch), &queue_);
    call->reader->StartCall();
    Call* borrowed = call.release();  // run() takes it over when it comes out of the queue
    borrowed->reader->Finish(&borrowed->response, &borrowed->status, borrowed);
  }

  // Calls in progress end on the connections they began on.
  void reconnect(const ClientTlsMaterial& material) {
    auto stub = std::make_shared<grpc::GenericStub>(make_channel(settings_, material));
    const std::scoped_lock lock(mutex_);
    stub_.swap(stub);
  }

  void cancel_all() {
    const std::scoped_lock lock(mutex_);
    for (Call* call : calls_) call->context.TryCancel();
  }

 private:
  void run() {
    void* tag = nullptr;
    bool ok = false;  // always true for Finish of a unary call
    while (queue_.Next(&tag, &ok)) {
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      {
        const std::scoped_lock lock(mutex_);
        calls_.erase(call.get());
      }
      call->done(outcome_of(call->status, call->response, call->request_bytes));
    }
  }

  const OtlpExporterSettings& settings_;
  grpc::CompletionQueue queue_;
  std::mutex mutex_;  // guards the two below
  std::shared_ptr<grpc::GenericStub> stub_;
  std::unordered_set<Call*> calls_;  // not yet out of the queue
  std::thread thread_;
};

GrpcTransport::GrpcTransport(OtlpExporterSettings settings)
    : settings_(std::move(settings)), tls_watch_(settings_.tls, settings_.path) {}

GrpcTransport::~GrpcTransport() = default;

Status GrpcTransport::start() {
  const auto material = tls_watch_.load();
  if (!material) return std::unexpected(material.error());
  otlp::route_grpc_log();
  implementation_ = std::make_unique<Implementation>(settings_, *material);
  return {};
}

void GrpcTransport::send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) {
  if (const auto material = tls_watch_.changed()) implementation_->reconnect(*material);
  implementation_->send(batch, timeout, std::move(done));
}

void GrpcTransport::cancel_all() {
  implementation_->cancel_all();
}

void GrpcTransport::stop() {
  implementation_.reset();
}

}  // namespace kernspan
