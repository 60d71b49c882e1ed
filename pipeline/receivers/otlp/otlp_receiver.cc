#include "pipeline/receivers/otlp/otlp_receiver.h"

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/grpc_log.h"
#include "pipeline/otlp/pem_file.h"
#include "pipeline/otlp/rpc_status.h"

namespace kernspan {
namespace {

// Calls that are read and handed on at a time; more wait inside gRPC, without their messages. With
// the largest message this bounds the receiver's memory.
constexpr std::size_t kMaxCalls = 128;
// Streams per connection. The exporters in use have 10 requests under way.
constexpr int kMaxStreamsPerConnection = 100;
constexpr unsigned kMaxThreads = 4;

Result<std::shared_ptr<grpc::ServerCredentials>> credentials(const ServerTlsSettings& tls) {
  if (!tls.enabled) return grpc::InsecureServerCredentials();
  const auto certificate = otlp::read_pem_file(tls.cert_file);
  if (!certificate) return std::unexpected(certificate.error());
  const auto key = otlp::read_pem_file(tls.key_file);
  if (!key) return std::unexpected(key.error());
  const auto client_ca = otlp::read_pem_file(tls.client_ca_file);
  if (!client_ca) return std::unexpected(client_ca.error());
  grpc::SslServerCredentialsOptions options(
      client_ca->empty() ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                         : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_key_cert_pairs.push_back({*key, *certificate});
  options.pem_root_certs = *client_ca;
  return grpc::SslServerCredentials(options);
}

grpc::Status to_grpc(const Error& error) {
  return {error.kind == ErrorKind::kRetryable ? grpc::StatusCode::UNAVAILABLE
                                              : grpc::StatusCode::INTERNAL,
          error.message};
}

}  // namespace

class OtlpReceiver::Server {
 public:
  Server(const std::string& path, const GrpcServerSettings& settings, Consumer& next,
         const Books& books)
      : path_(path), settings_(settings), next_(next), books_(books) {}

  // As start() of the receiver; once.
  Status listen();
  void stop(std::chrono::steady_clock::time_point deadline);
  int port() const { return port_; }

 private:
  // One slot: waits for a call, reads its message, answers, and waits for the next.
  struct Call {
    enum class Step { kAccept, kRead, kFinish };

    Step step = Step::kAccept;
    // Both are of one call, and made anew for the next.
    std::optional<grpc::GenericServerContext> context;
    std::optional<grpc::GenericServerAsyncReaderWriter> stream;
    grpc::ByteBuffer request;
  };

  void run();
  bool accept(Call& call);
  void advance(Call& call, bool ok);
  void begin_read(Call& call);
  void answer(Call& call, const grpc::Status& status);
  grpc::Status take(const grpc::ByteBuffer& message);

  const std::string& path_;
  const GrpcServerSettings& settings_;
  Consumer& next_;
  const Books& books_;
  int port_ = 0;

  // gRPC requires: the server goes before the queue, the queue before the service.
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<Call> calls_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t waiting_or_busy_ = 0;  // slots that still have something in the queue
  bool stopping_ = false;
};

Status OtlpReceiver::Server::listen() {
  const auto server_credentials = credentials(settings_.tls);
  if (!server_credentials) return std::unexpected(server_credentials.error());
  // The collector's ":4317" means every interface.
  const std::string address =
      settings_.endpoint.starts_with(':') ? "[::]" + settings_.endpoint : settings_.endpoint;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, *server_credentials, &port_);
  builder.SetMaxReceiveMessageSize(static_cast<int>(settings_.max_recv_msg_size_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // Messages come as they were sent and are inflated within their bound by take().
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  // Without this two programs may listen on one port, and each gets some of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterAsyncGenericService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return permanent(fmt::format(
        "{}: cannot listen on {}: is another program using the port, and is the address this "
        "machine's?",
        path_, settings_.endpoint));
  }
  calls_ = std::vector<Call>(kMaxCalls);
  for (Call& call : calls_) accept(call);
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 1U, kMaxThreads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  return {};
}

void OtlpReceiver::Server::stop(std::chrono::steady_clock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  if (server_ != nullptr) {
    const auto left = std::max(deadline - std::chrono::steady_clock::now(),
                               std::chrono::steady_clock::duration::zero());
    server_->Shutdown(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                     gpr_time_from_nanos(std::chrono::nanoseconds(left).count(), GPR_TIMESPAN)));
    // Nothing may be put into a queue that was shut down.
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return waiting_or_busy_ == 0; });
  }
  if (queue_ != nullptr) queue_->Shutdown();
  for (std::thread& thread : threads_) thread.join();
  if (queue_ != nullptr && threads_.empty()) {
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) continue;
  }
}

bool OtlpReceiver::Server::accept(Call& call) {
  call.stream.reset();
  call.context.reset();
  call.request.Clear();
  const std::scoped_lock lock(mutex_);
  if (stopping_) return false;
  ++waiting_or_busy_;
  call.step = Call::Step::kAccept;
  call.context.emplace();
  call.stream.emplace(&*call.context);
  service_.RequestCall(&*call.context, &*call.stream, queue_.get(), queue_.get(), &call);
  return true;
}

void OtlpReceiver::Server::run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) advance(*static_cast<Call*>(tag), ok);
}

void OtlpReceiver::Server::advance(Call& call, bool ok) {
  switch (call.step) {
    case Call::Step::kAccept:
      // Not ok: the server is stopping.
      if (ok) return begin_read(call);
      break;
    case Call::Step::kRead: {
      if (ok) return answer(call, take(call.request));
      books_.no_message.add();
      return answer(call, {grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"});
    }
    case Call::Step::kFinish:
      break;
  }
  accept(call);
  const std::scoped_lock lock(mutex_);
  if (--waiting_or_busy_ == 0) idle_.notify_all();
}

void OtlpReceiver::Server::begin_read(Call& call) {
  if (call.context->method() != otlp::kExportMethod) {
    books_.unimplemented.add();
    return answer(call,
                  {grpc::StatusCode::UNIMPLEMENTED,
                   "unknown method " + call.context->method() + ": this is a trace receiver"});
  }
  call.step = Call::Step::kRead;
  call.stream->Read(&call.request, &call);
}

void OtlpReceiver::Server::answer(Call& call, const grpc::Status& status) {
  call.step = Call::Step::kFinish;
  call.request.Clear();
  if (status.ok()) {
    call.stream->WriteAndFinish(otlp::empty_message(), grpc::WriteOptions(), status, &call);
  } else {
    call.stream->Finish(status, &call);
  }
}

grpc::Status OtlpReceiver::Server::take(const grpc::ByteBuffer& message) {
  auto request = otlp::to_inflated_slices(message, settings_.max_recv_msg_size_bytes);
  if (!request && request.error() == otlp::GunzipError::kTooLarge) {
    books_.too_large.add();
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            fmt::format("the message is larger than {} bytes when decompressed: raise "
                        "max_recv_msg_size_mib here, or send smaller batches",
                        settings_.max_recv_msg_size_bytes)};
  }
  auto batch = request ? otlp::Batch::from_wire(std::move(*request))
                       : permanent("the message is not well-formed gzip");
  if (!batch) {
    books_.malformed.add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a request: {}", path_, batch.error().message);
    return {grpc::StatusCode::INVALID_ARGUMENT, batch.error().message};
  }
  const std::size_t spans = batch->item_count();
  if (spans == 0) return grpc::Status::OK;
  if (const Status taken = next_.consume(std::move(*batch)); !taken) {
    books_.refused_spans.add(spans);
    books_.stage.refuse(spans);
    return to_grpc(taken.error());
  }
  books_.accepted_spans.add(spans);
  books_.stage.take(spans);
  books_.stage.pass_on(spans);
  return grpc::Status::OK;
}

namespace {

Counter& span_counter(const ComponentContext& context, const char* name, const char* help) {
  return context.metrics.counter(name, help, {{"receiver", context.id}, {"transport", "grpc"}});
}

Counter& request_counter(const ComponentContext& context, const char* reason) {
  return context.metrics.counter(
      "kernspan_receiver_refused_requests",
      "Requests refused before their spans were known: malformed, too_large (when decompressed), "
      "no_message (aborted, or larger than max_recv_msg_size_mib as sent), unimplemented.",
      {{"receiver", context.id}, {"transport", "grpc"}, {"reason", reason}});
}

}  // namespace

OtlpReceiver::OtlpReceiver(const ComponentContext& context, GrpcServerSettings settings,
                           Consumer& next)
    : path_(context.path),
      settings_(std::move(settings)),
      next_(next),
      books_{.stage = context.books,
             .accepted_spans = span_counter(context, "otelcol_receiver_accepted_spans",
                                            "Spans that the pipeline took."),
             .refused_spans = span_counter(context, "otelcol_receiver_refused_spans",
                                           "Spans that the pipeline refused; the client was told."),
             .malformed = request_counter(context, "malformed"),
             .too_large = request_counter(context, "too_large"),
             .no_message = request_counter(context, "no_message"),
             .unimplemented = request_counter(context, "unimplemented")} {}

OtlpReceiver::~OtlpReceiver() {
  stop(std::chrono::steady_clock::now());
}

Status OtlpReceiver::start() {
  otlp::route_grpc_log();
  server_ = std::make_unique<Server>(path_, settings_, next_, books_);
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

ReceiverFactory otlp_receiver_factory() {
  const auto create = [](const ConfigNode& node, const ComponentContext& context,
                         Consumer& next) -> Result<std::unique_ptr<Receiver>> {
    auto settings = read_otlp_receiver_settings(node, context.path, context.warnings);
    if (!settings) return std::unexpected(settings.error());
    return std::make_unique<OtlpReceiver>(context, std::move(*settings), next);
  };
  return {.type = "otlp", .create = create};
}

}  // namespace kernspan
