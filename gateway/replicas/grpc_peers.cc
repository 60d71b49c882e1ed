#include "gateway/replicas/grpc_peers.h"

#include <fmt/format.h>
#include <grpc/support/time.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <map>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include "pipeline/exporters/otlp/grpc_channel.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/grpc_log.h"

namespace kernspan::replicas {
namespace {

struct PeerCall {
  std::shared_ptr<grpc::GenericStub> stub;  // its channel lives as long as its calls
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader;
  PeerTransport::Done done;
};

// Only what the peer says of the message itself is for ever.
PeerReply reply_of(const PeerCall& call) {
  if (call.status.ok()) return otlp::to_slice(call.response);
  std::string message =
      fmt::format("gRPC status {}: {}", static_cast<int>(call.status.error_code()),
                  call.status.error_message());
  if (call.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
    return permanent(std::move(message));
  }
  return retryable(std::move(message));
}

}  // namespace

const char* path_of(PeerMethod method) {
  return method == PeerMethod::kHello ? "/kernspan.replicas.v1.Replicas/Hello"
                                      : "/kernspan.replicas.v1.Replicas/HandOff";
}

class GrpcPeers::Implementation {
 public:
  Implementation(const OtlpExporterSettings& settings, ClientTlsMaterial material)
      : settings_(settings), material_(std::move(material)), thread_([this] { run(); }) {}

  ~Implementation() {
    {
      // Nothing may be put into a queue that was shut down.
      const std::scoped_lock lock(mutex_);
      is_closed_ = true;
    }
    queue_.Shutdown();
    thread_.join();
  }

  void call(const std::string& peer, PeerMethod method, const PeerBytes& message,
            std::chrono::nanoseconds timeout, Done done) {
    auto call = std::make_unique<PeerCall>();
    call->done = std::move(done);
    call->context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                            gpr_time_from_nanos(timeout.count(), GPR_TIMESPAN)));
    const auto headers = auth_headers(settings_.auth);
    if (!headers) return call->done(std::unexpected(headers.error()));
    for (const auto& [name, value] : *headers) call->context.AddMetadata(name, value);
    if (settings_.compression == Compression::kGzip) {
      call->context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    }
    const otlp::Batch bytes = otlp::Batch::from_slices(message, 0);
    std::unique_lock lock(mutex_);
    if (is_closed_) {
      lock.unlock();
      return call->done(retryable("not connected any more"));
    }
    call->stub = stub_of(peer);
    calls_.insert(call.get());
    call->reader = call->stub->PrepareUnaryCall(&call->context, path_of(method),
                                                otlp::to_byte_buffer(bytes), &queue_);
    call->reader->StartCall();
    PeerCall* borrowed = call.release();  // run() takes it over when it comes out of the queue
    borrowed->reader->Finish(&borrowed->response, &borrowed->status, borrowed);
  }

  void forget(const std::string& peer) {
    const std::scoped_lock lock(mutex_);
    stubs_.erase(peer);
  }

  // Calls in progress end on the connections they began on.
  void reconnect(ClientTlsMaterial material) {
    const std::scoped_lock lock(mutex_);
    material_ = std::move(material);
    stubs_.clear();
  }

  void cancel_all() {
    const std::scoped_lock lock(mutex_);
    for (PeerCall* call : calls_) call->context.TryCancel();
  }

 private:
  std::shared_ptr<grpc::GenericStub> stub_of(const std::string& peer) {
    std::shared_ptr<grpc::GenericStub>& stub = stubs_[peer];
    if (stub == nullptr) {
      OtlpExporterSettings settings = settings_;
      settings.endpoint = peer;
      stub = std::make_shared<grpc::GenericStub>(make_channel(settings, material_));
    }
    return stub;
  }

  void run() {
    void* tag = nullptr;
    bool ok = false;  // always true for Finish of a unary call
    while (queue_.Next(&tag, &ok)) {
      const std::unique_ptr<PeerCall> call(static_cast<PeerCall*>(tag));
      {
        const std::scoped_lock lock(mutex_);
        calls_.erase(call.get());
      }
      call->done(reply_of(*call));
    }
  }

  const OtlpExporterSettings& settings_;
  grpc::CompletionQueue queue_;
  std::mutex mutex_;  // guards what follows
  ClientTlsMaterial material_;
  std::map<std::string, std::shared_ptr<grpc::GenericStub>> stubs_;
  std::unordered_set<PeerCall*> calls_;  // not yet out of the queue
  bool is_closed_ = false;
  std::thread thread_;
};

GrpcPeers::GrpcPeers(OtlpExporterSettings settings)
    : settings_(std::move(settings)), tls_watch_(settings_.tls, settings_.path) {}

GrpcPeers::~GrpcPeers() = default;

Status GrpcPeers::start() {
  auto material = tls_watch_.load();
  if (!material) return std::unexpected(material.error());
  otlp::route_grpc_log();
  implementation_ = std::make_unique<Implementation>(settings_, *std::move(material));
  return {};
}

void GrpcPeers::call(const std::string& peer, PeerMethod method, PeerBytes message,
                     std::chrono::nanoseconds timeout, Done done) {
  if (implementation_ == nullptr) return done(retryable("not connected"));
  if (auto material = tls_watch_.changed()) implementation_->reconnect(*std::move(material));
  implementation_->call(peer, method, message, timeout, std::move(done));
}

void GrpcPeers::forget(const std::string& peer) {
  if (implementation_ != nullptr) implementation_->forget(peer);
}

void GrpcPeers::cancel_all() {
  if (implementation_ != nullptr) implementation_->cancel_all();
}

void GrpcPeers::stop() {
  implementation_.reset();
}

}  // namespace kernspan::replicas
