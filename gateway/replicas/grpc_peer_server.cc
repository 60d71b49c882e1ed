#include "gateway/replicas/grpc_peer_server.h"

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/replicas/grpc_peers.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/grpc_log.h"
#include "pipeline/receivers/otlp/grpc_server_options.h"

namespace kernspan::replicas {
namespace {

// Each peer has a few hand-offs under way; more wait inside gRPC, without their messages.
constexpr std::size_t kMaxCalls = 64;
constexpr unsigned kThreads = 2;

grpc::Status to_grpc(const Error& error) {
  return {error.kind == ErrorKind::kRetryable ? grpc::StatusCode::UNAVAILABLE
                                              : grpc::StatusCode::INVALID_ARGUMENT,
          error.message};
}

}  // namespace

class GrpcPeerServer::Implementation {
 public:
  Implementation(std::string path, GrpcServerSettings settings,
                 const ServerAuthenticator* authenticator, PeerService& service)
      : path_(std::move(path)),
        settings_(std::move(settings)),
        authenticator_(authenticator),
        peers_(service) {}

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
    PeerMethod method = PeerMethod::kHello;
  };

  void run();
  void set_step(Call& call, Call::Step step);
  void accept(Call& call);
  void advance(Call& call, bool ok);
  void begin_read(Call& call);
  void refuse(Call& call, const grpc::Status& status);
  void take(Call& call);
  std::optional<grpc::Status> refusal(Call& call) const;

  const std::string path_;
  const GrpcServerSettings settings_;
  const ServerAuthenticator* const authenticator_;  // null: nobody is asked
  PeerService& peers_;
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

Status GrpcPeerServer::Implementation::listen() {
  const auto credentials = make_server_credentials(settings_.tls);
  if (!credentials) return permanent(fmt::format("{}: {}", path_, credentials.error().message));
  // The collector's ":4317" means every interface.
  const std::string address =
      settings_.endpoint.starts_with(':') ? "[::]" + settings_.endpoint : settings_.endpoint;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, *credentials, &port_);
  set_server_options(settings_, builder);
  // Messages come as they were sent and are inflated within their bound by take().
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
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
  for (unsigned i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
  return {};
}

void GrpcPeerServer::Implementation::stop(std::chrono::steady_clock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
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

void GrpcPeerServer::Implementation::accept(Call& call) {
  call.stream.reset();
  call.context.reset();
  call.request.Clear();
  const std::scoped_lock lock(mutex_);
  if (stopping_) return;
  ++waiting_or_busy_;
  call.step = Call::Step::kAccept;
  call.context.emplace();
  call.stream.emplace(&*call.context);
  service_.RequestCall(&*call.context, &*call.stream, queue_.get(), queue_.get(), &call);
}

void GrpcPeerServer::Implementation::run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) advance(*static_cast<Call*>(tag), ok);
}

// One thread's work on a call ends here, and another's begins where advance() reads the step: under
// the lock, as the completion queue orders them by means that ThreadSanitizer does not see.
void GrpcPeerServer::Implementation::set_step(Call& call, Call::Step step) {
  const std::scoped_lock lock(mutex_);
  call.step = step;
}

void GrpcPeerServer::Implementation::advance(Call& call, bool ok) {
  Call::Step step = Call::Step::kFinish;
  {
    const std::scoped_lock lock(mutex_);
    step = call.step;
  }
  switch (step) {
    case Call::Step::kAccept:
      // Not ok: the server is stopping.
      if (ok) return begin_read(call);
      break;
    case Call::Step::kRead:
      if (ok) return take(call);
      return refuse(call, {grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"});
    case Call::Step::kFinish:
      break;
  }
  accept(call);
  const std::scoped_lock lock(mutex_);
  if (--waiting_or_busy_ == 0) idle_.notify_all();
}

void GrpcPeerServer::Implementation::begin_read(Call& call) {
  if (const auto refused = refusal(call)) return refuse(call, *refused);
  set_step(call, Call::Step::kRead);
  call.stream->Read(&call.request, &call);
}

// Why the call's message need not be read.
std::optional<grpc::Status> GrpcPeerServer::Implementation::refusal(Call& call) const {
  if (authenticator_ != nullptr) {
    const auto& metadata = call.context->client_metadata();
    const auto header = [&](std::string_view name) -> std::optional<std::string_view> {
      const auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
      if (found == metadata.end()) return std::nullopt;
      return std::string_view(found->second.data(), found->second.size());
    };
    if (const Status known = authenticator_->authenticate(header); !known) {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, known.error().message);
    }
  }
  for (const PeerMethod method : {PeerMethod::kHello, PeerMethod::kHandOff}) {
    if (call.context->method() != path_of(method)) continue;
    call.method = method;
    return std::nullopt;
  }
  return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "only replicas call here");
}

void GrpcPeerServer::Implementation::refuse(Call& call, const grpc::Status& status) {
  call.request.Clear();
  set_step(call, Call::Step::kFinish);
  call.stream->Finish(status, &call);
}

void GrpcPeerServer::Implementation::take(Call& call) {
  auto message = otlp::to_inflated_slices(call.request, settings_.max_recv_msg_size_bytes);
  if (!message) {
    return refuse(call, {grpc::StatusCode::INVALID_ARGUMENT, "the message cannot be inflated"});
  }
  const PeerReply reply = peers_.answer(call.method, *std::move(message));
  if (!reply) return refuse(call, to_grpc(reply.error()));
  call.request.Clear();
  set_step(call, Call::Step::kFinish);
  const otlp::Batch bytes = otlp::Batch::from_slices({*reply}, 0);
  call.stream->WriteAndFinish(otlp::to_byte_buffer(bytes), grpc::WriteOptions(), grpc::Status::OK,
                              &call);
}

GrpcPeerServer::GrpcPeerServer(std::string path, GrpcServerSettings settings,
                               const ServerAuthenticator* authenticator, PeerService& service)
    : implementation_(std::make_unique<Implementation>(std::move(path), std::move(settings),
                                                       authenticator, service)) {}

GrpcPeerServer::~GrpcPeerServer() {
  stop(std::chrono::steady_clock::now());
}

Status GrpcPeerServer::listen() {
  otlp::route_grpc_log();
  return implementation_->listen();
}

void GrpcPeerServer::stop(std::chrono::steady_clock::time_point deadline) {
  implementation_->stop(deadline);
}

int GrpcPeerServer::port() const {
  return implementation_->port();
}

}  // namespace kernspan::replicas
