#include "pipeline/exporters/otlp/grpc_transport.h"

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/grpc_log.h"
#include "pipeline/otlp/pem_file.h"
#include "pipeline/otlp/rpc_status.h"

namespace kernspan {
namespace {

// A peer that comes back is found again after at most this long; gRPC's own default is two minutes.
constexpr int kMaxReconnectBackoffMs = 5'000;
constexpr int kInitialReconnectBackoffMs = 200;

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials(const ClientTlsSettings& tls) {
  if (tls.insecure) return grpc::InsecureChannelCredentials();
  const auto ca = otlp::read_pem_file(tls.ca_file);
  if (!ca) return std::unexpected(ca.error());
  const auto certificate = otlp::read_pem_file(tls.cert_file);
  if (!certificate) return std::unexpected(certificate.error());
  const auto key = otlp::read_pem_file(tls.key_file);
  if (!key) return std::unexpected(key.error());
  return grpc::SslCredentials({*ca, *key, *certificate});
}

SendOutcome outcome_of(const grpc::Status& status, const grpc::ByteBuffer& response) {
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
  outcome.kind =
      judge_grpc_status(status.error_code(), delay.has_value()) == GrpcVerdict::kRetryable
          ? SendOutcome::Kind::kRetryable
          : SendOutcome::Kind::kPermanent;
  outcome.asked_delay = delay.value_or(std::chrono::nanoseconds{0});
  outcome.message = fmt::format("gRPC status {}: {}", static_cast<int>(status.error_code()),
                                status.error_message());
  return outcome;
}

struct Call {
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  Transport::Done done;
};

}  // namespace

GrpcVerdict judge_grpc_status(int code, bool has_retry_info) {
  switch (code) {
    case grpc::StatusCode::OK:
      return GrpcVerdict::kSent;
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return GrpcVerdict::kRetryable;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return has_retry_info ? GrpcVerdict::kRetryable : GrpcVerdict::kPermanent;
    default:
      return GrpcVerdict::kPermanent;
  }
}

class GrpcTransport::Implementation {
 public:
  Implementation(const OtlpExporterSettings& settings,
                 const std::shared_ptr<grpc::ChannelCredentials>& channel_credentials)
      : settings_(settings),
        stub_(grpc::CreateCustomChannel(settings.endpoint, channel_credentials,
                                        channel_arguments(settings))),
        thread_([this] { run(); }) {}

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
    if (settings_.compression == Compression::kGzip) {
      call->context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    }
    call->reader = stub_.PrepareUnaryCall(&call->context, otlp::kExportMethod,
                                          otlp::to_byte_buffer(batch), &queue_);
    {
      const std::scoped_lock lock(mutex_);
      calls_.insert(call.get());
    }
    call->reader->StartCall();
    Call* borrowed = call.release();  // run() takes it over when it comes out of the queue
    borrowed->reader->Finish(&borrowed->response, &borrowed->status, borrowed);
  }

  void cancel_all() {
    const std::scoped_lock lock(mutex_);
    for (Call* call : calls_) call->context.TryCancel();
  }

 private:
  static grpc::ChannelArguments channel_arguments(const OtlpExporterSettings& settings) {
    grpc::ChannelArguments arguments;
    // Its own connections: two exporters to one peer share neither their fate nor their back-off.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kInitialReconnectBackoffMs);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMs);
    arguments.SetLoadBalancingPolicyName("round_robin");
    arguments.SetUserAgentPrefix("kernspan/" KERNSPAN_VERSION);
    if (!settings.tls.server_name_override.empty()) {
      arguments.SetSslTargetNameOverride(settings.tls.server_name_override);
    }
    return arguments;
  }

  void run() {
    void* tag = nullptr;
    bool ok = false;  // always true for Finish of a unary call
    while (queue_.Next(&tag, &ok)) {
      const std::unique_ptr<Call> call(static_cast<Call*>(tag));
      {
        const std::scoped_lock lock(mutex_);
        calls_.erase(call.get());
      }
      call->done(outcome_of(call->status, call->response));
    }
  }

  const OtlpExporterSettings& settings_;
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
  std::mutex mutex_;
  std::unordered_set<Call*> calls_;  // started and not yet out of the queue; guarded by mutex_
  std::thread thread_;
};

GrpcTransport::GrpcTransport(OtlpExporterSettings settings) : settings_(std::move(settings)) {}

GrpcTransport::~GrpcTransport() = default;

Status GrpcTransport::start() {
  const auto channel_credentials = credentials(settings_.tls);
  if (!channel_credentials) return std::unexpected(channel_credentials.error());
  otlp::route_grpc_log();
  implementation_ = std::make_unique<Implementation>(settings_, *channel_credentials);
  return {};
}

void GrpcTransport::send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) {
  implementation_->send(batch, timeout, std::move(done));
}

void GrpcTransport::cancel_all() {
  implementation_->cancel_all();
}

void GrpcTransport::stop() {
  implementation_.reset();
}

}  // namespace kernspan
