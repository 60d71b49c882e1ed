#include "pipeline/receivers/otlp/otlp_receiver.h"

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
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/base/percent_encoding.h"
#include "pipeline/component/request_peer.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/grpc_log.h"
#include "pipeline/otlp/rpc_status.h"
#include "pipeline/receivers/otlp/grpc_server_options.h"
#include "pipeline/receivers/server_auth.h"

namespace kernspan {
namespace {

// Calls that are read and handed on at a time; more wait inside gRPC, without their messages. With
// the largest message this bounds the receiver's memory.
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

class OtlpReceiver::Server {
 public:
  Server(const std::string& path, const GrpcServerSettings& settings, otlp::Signals signals,
         const ServerAuthenticator* authenticator, Consumer& next, const Books& books)
      : path_(path),
        settings_(settings),
        signals_(signals),
        authenticator_(authenticator),
        next_(next),
        books_(books) {}

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
    otlp::Signal signal = otlp::Signal::kTraces;
  };

  void run();
  bool accept(Call& call);
  void advance(Call& call, bool ok);
  void begin_read(Call& call);
  void answer(Call& call, const grpc::Status& status);
  std::optional<grpc::Status> refusal(Call& call) const;
  grpc::Status take(const Call& call);

  const std::string& path_;
  const GrpcServerSettings& settings_;
  const otlp::Signals signals_;
  const ServerAuthenticator* const authenticator_;  // null: nobody is asked
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
  const auto server_credentials = make_server_credentials(settings_.tls);
  if (!server_credentials) {
    return permanent(fmt::format("{}: {}", path_, server_credentials.error().message));
  }
  // The collector's ":4317" means every interface.
  const std::string address =
      settings_.endpoint.starts_with(':') ? "[::]" + settings_.endpoint : settings_.endpoint;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, *server_credentials, &port_);
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
      if (ok) return answer(call, take(call));
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
  if (const auto refused = refusal(call)) return answer(call, *refused);
  call.step = Call::Step::kRead;
  call.stream->Read(&call.request, &call);
}

// Why the call's message need not be read.
std::optional<grpc::Status> OtlpReceiver::Server::refusal(Call& call) const {
  if (authenticator_ != nullptr) {
    const auto& metadata = call.context->client_metadata();
    const auto header = [&](std::string_view name) -> std::optional<std::string_view> {
      const auto found = metadata.find(grpc::string_ref(name.data(), name.size()));
      if (found == metadata.end()) return std::nullopt;
      return std::string_view(found->second.data(), found->second.size());
    };
    if (const Status known = authenticator_->authenticate(header); !known) {
      books_.unauthenticated.add();
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, known.error().message);
    }
  }
  const std::string& method = call.context->method();
  for (const otlp::Signal signal : otlp::kAllSignals) {
    if (method != otlp::export_method(signal)) continue;
    call.signal = signal;
    if (signals_.contains(signal)) return std::nullopt;
    books_.unimplemented.add();
    return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                        fmt::format("unknown method {}: no pipeline of {} has this receiver",
                                    method, otlp::name_of(signal)));
  }
  books_.unimplemented.add();
  return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                      fmt::format("unknown method {}: traces and metrics are received here",
                                  method.substr(0, kMaxQuotedMethod)));
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

grpc::Status OtlpReceiver::Server::take(const Call& call) {
  const grpc::ByteBuffer& message = call.request;
  const otlp::Signal signal = call.signal;
  if (const Status admitted = next_.admit(signal, message.Length()); !admitted) {
    books_.not_admitted.add();
    return to_grpc(admitted.error());
  }
  auto request = otlp::to_inflated_slices(message, settings_.max_recv_msg_size_bytes);
  if (!request && request.error() == otlp::GunzipError::kTooLarge) {
    books_.too_large.add();
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            fmt::format("the message is larger than {} bytes when decompressed: raise "
                        "max_recv_msg_size_mib here, or send smaller batches",
                        settings_.max_recv_msg_size_bytes)};
  }
  auto batch = request ? otlp::Batch::from_wire(std::move(*request), signal)
                       : permanent("the message is not well-formed gzip");
  if (!batch) {
    books_.malformed.add();
    KERNSPAN_LOG_LIMITED(kWarn, "{}: refused a request: {}", path_, batch.error().message);
    return {grpc::StatusCode::INVALID_ARGUMENT, batch.error().message};
  }
  const GrpcPeer peer(*call.context);
  const RequestPeerScope scope(peer);
  const Status taken = books_.items.hand_on(next_, std::move(*batch));
  return taken ? grpc::Status::OK : to_grpc(taken.error());
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
             .not_admitted = item_books_.refused_requests("not_admitted"),
             .unauthenticated = item_books_.refused_requests("unauthenticated"),
             .unimplemented = item_books_.refused_requests("unimplemented")} {}

OtlpReceiver::~OtlpReceiver() {
  stop(std::chrono::steady_clock::now());
}

Status OtlpReceiver::start() {
  otlp::route_grpc_log();
  const auto authenticator = find_authenticator(extensions_, settings_.authenticator, path_);
  if (!authenticator) return std::unexpected(authenticator.error());
  server_ = std::make_unique<Server>(path_, settings_, signals_, *authenticator, next_, books_);
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
