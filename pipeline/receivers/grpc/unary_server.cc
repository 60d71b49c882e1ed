#include "pipeline/receivers/grpc/unary_server.h"

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
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/otlp/grpc_log.h"
#include "pipeline/receivers/grpc/server_options.h"

namespace kernspan {
namespace {

using std::chrono::steady_clock;
using Unread = GrpcUnaryService::Unread;

gpr_timespec from_now(std::chrono::nanoseconds time) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(time.count(), GPR_TIMESPAN));
}

}  // namespace

class GrpcUnaryServer::Implementation {
 public:
  Implementation(std::string path, GrpcServerSettings settings, Limits limits,
                 const ServerAuthenticator* authenticator, GrpcUnaryService& service)
      : path_(std::move(path)),
        settings_(std::move(settings)),
        limits_(limits),
        look_every_(std::min<std::chrono::nanoseconds>(settings_.message_timeout / 4,
                                                       std::chrono::seconds(1))),
        authenticator_(authenticator),
        methods_(service) {}

  Status listen();
  void stop(steady_clock::time_point deadline);
  int port() const { return port_; }

 private:
  // One slot: waits for a call, reads its message, answers, and waits for the next.
  struct Call {
    enum class Step { kAccept, kRead, kAnswer, kFinish };

    Step step = Step::kAccept;
    // Both are of one call, and made anew for the next.
    std::optional<grpc::GenericServerContext> context;
    std::optional<grpc::GenericServerAsyncReaderWriter> stream;
    grpc::ByteBuffer request;
    int method = 0;
    steady_clock::time_point read_by;
    bool is_overdue = false;
  };

  void run();
  void accept(Call& call);
  void advance(Call& call, bool ok);
  void begin_read(Call& call);
  void take(Call& call);
  void refuse_unread(Call& call);
  void finish(Call& call, const grpc::Status& status, const grpc::ByteBuffer& reply);
  std::optional<grpc::Status> stranger(const Call& call) const;
  void end_overdue();

  const std::string path_;
  const GrpcServerSettings settings_;
  const Limits limits_;
  const std::chrono::nanoseconds look_every_;
  const ServerAuthenticator* const authenticator_;  // null: nobody is asked
  GrpcUnaryService& methods_;
  int port_ = 0;

  // gRPC requires: the server goes before the queue, the queue before the service.
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<Call> calls_;
  std::vector<std::thread> threads_;

  // Guards what follows, and each call's step: one thread's work on a call ends and another's begins
  // under it, as the completion queue orders them by means that ThreadSanitizer does not see.
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t waiting_or_busy_ = 0;  // slots that still have something in the queue
  steady_clock::time_point look_at_ = {};
  bool stopping_ = false;
};

Status GrpcUnaryServer::Implementation::listen() {
  const auto credentials = make_server_credentials(settings_.tls);
  if (!credentials) return permanent(fmt::format("{}: {}", path_, credentials.error().message));
  // The collector's ":4317" means every interface.
  const std::string address =
      settings_.endpoint.starts_with(':') ? "[::]" + settings_.endpoint : settings_.endpoint;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, *credentials, &port_);
  set_server_options(settings_, builder);
  // Messages come as they were sent, and are inflated within a bound by whoever reads them.
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
  calls_ = std::vector<Call>(limits_.calls);
  for (Call& call : calls_) accept(call);
  for (unsigned i = 0; i < limits_.threads; ++i) threads_.emplace_back([this] { run(); });
  return {};
}

void GrpcUnaryServer::Implementation::stop(steady_clock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  if (server_ != nullptr) {
    server_->Shutdown(
        from_now(std::max(deadline - steady_clock::now(), steady_clock::duration::zero())));
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

void GrpcUnaryServer::Implementation::accept(Call& call) {
  call.stream.reset();
  call.context.reset();
  call.request.Clear();
  call.is_overdue = false;
  const std::scoped_lock lock(mutex_);
  if (stopping_) return;
  ++waiting_or_busy_;
  call.step = Call::Step::kAccept;
  call.context.emplace();
  call.stream.emplace(&*call.context);
  service_.RequestCall(&*call.context, &*call.stream, queue_.get(), queue_.get(), &call);
}

void GrpcUnaryServer::Implementation::run() {
  void* tag = nullptr;
  bool ok = false;
  for (;;) {
    switch (queue_->AsyncNext(&tag, &ok, from_now(look_every_))) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::GOT_EVENT:
        advance(*static_cast<Call*>(tag), ok);
        break;
      case grpc::CompletionQueue::TIMEOUT:
        break;
    }
    end_overdue();
  }
}

void GrpcUnaryServer::Implementation::end_overdue() {
  const steady_clock::time_point now = steady_clock::now();
  const std::scoped_lock lock(mutex_);
  if (now < look_at_) return;
  look_at_ = now + look_every_;
  for (Call& call : calls_) {
    // Its read is still under way, so that its context is there.
    if (call.step != Call::Step::kRead || call.read_by > now) continue;
    call.is_overdue = true;
    call.context->TryCancel();
  }
}

void GrpcUnaryServer::Implementation::advance(Call& call, bool ok) {
  Call::Step step = Call::Step::kFinish;
  {
    const std::scoped_lock lock(mutex_);
    step = std::exchange(call.step, Call::Step::kAnswer);
  }
  switch (step) {
    case Call::Step::kAccept:
      // Not ok: the server is stopping.
      if (ok) return begin_read(call);
      break;
    case Call::Step::kRead:
      return ok ? take(call) : refuse_unread(call);
    case Call::Step::kAnswer:
    case Call::Step::kFinish:
      break;
  }
  accept(call);
  const std::scoped_lock lock(mutex_);
  if (--waiting_or_busy_ == 0) idle_.notify_all();
}

void GrpcUnaryServer::Implementation::begin_read(Call& call) {
  if (const auto refused = stranger(call)) return finish(call, *refused, {});
  const auto method = methods_.find_method(call.context->method());
  if (!method) return finish(call, method.error(), {});
  call.method = *method;
  call.read_by = steady_clock::now() + settings_.message_timeout;
  const std::scoped_lock lock(mutex_);
  call.step = Call::Step::kRead;
  call.stream->Read(&call.request, &call);
}

// Who has no good token.
std::optional<grpc::Status> GrpcUnaryServer::Implementation::stranger(const Call& call) const {
  if (authenticator_ == nullptr) return std::nullopt;
  const auto& metadata = call.context->client_metadata();
  const auto header = [&](std::string_view name) -> std::optional<std::string_view> {
    const auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
    if (found == metadata.end()) return std::nullopt;
    return std::string_view(found->second.data(), found->second.size());
  };
  const Status known = authenticator_->authenticate(header);
  if (known) return std::nullopt;
  methods_.count(Unread::kUnauthenticated);
  return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, known.error().message);
}

void GrpcUnaryServer::Implementation::take(Call& call) {
  grpc::ByteBuffer reply;
  const grpc::Status status = methods_.answer(call.method, *call.context, call.request, &reply);
  finish(call, status, reply);
}

void GrpcUnaryServer::Implementation::refuse_unread(Call& call) {
  methods_.count(call.is_overdue ? Unread::kTimeout : Unread::kNoMessage);
  finish(call,
         call.is_overdue
             ? grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED,
                            "the call's message has not come in time")
             : grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call has no message"),
         {});
}

void GrpcUnaryServer::Implementation::finish(Call& call, const grpc::Status& status,
                                             const grpc::ByteBuffer& reply) {
  call.request.Clear();
  const std::scoped_lock lock(mutex_);
  call.step = Call::Step::kFinish;
  if (status.ok()) {
    call.stream->WriteAndFinish(reply, grpc::WriteOptions(), status, &call);
  } else {
    call.stream->Finish(status, &call);
  }
}

GrpcUnaryServer::GrpcUnaryServer(std::string path, GrpcServerSettings settings, Limits limits,
                                 const ServerAuthenticator* authenticator,
                                 GrpcUnaryService& service)
    : implementation_(std::make_unique<Implementation>(std::move(path), std::move(settings), limits,
                                                       authenticator, service)) {}

GrpcUnaryServer::~GrpcUnaryServer() {
  stop(steady_clock::now());
}

Status GrpcUnaryServer::listen() {
  otlp::route_grpc_log();
  return implementation_->listen();
}

void GrpcUnaryServer::stop(steady_clock::time_point deadline) {
  implementation_->stop(deadline);
}

int GrpcUnaryServer::port() const {
  return implementation_->port();
}

}  // namespace kernspan
