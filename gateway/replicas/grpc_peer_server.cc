#include "gateway/replicas/grpc_peer_server.h"

#include <expected>
#include <utility>

#include "gateway/replicas/grpc_peers.h"
#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/receivers/grpc/unary_server.h"

namespace kernspan::replicas {
namespace {

// Each peer has a few hand-offs under way.
constexpr GrpcUnaryServer::Limits kLimits{.calls = 64, .threads = 2};

grpc::Status to_grpc(const Error& error) {
  return {error.kind == ErrorKind::kRetryable ? grpc::StatusCode::UNAVAILABLE
                                              : grpc::StatusCode::INVALID_ARGUMENT,
          error.message};
}

}  // namespace

class GrpcPeerServer::Methods final : public GrpcUnaryService {
 public:
  Methods(PeerService& peers, std::uint64_t max_message_bytes)
      : peers_(peers), max_message_bytes_(max_message_bytes) {}

  std::expected<int, grpc::Status> find_method(const std::string& path) override {
    for (const PeerMethod method : {PeerMethod::kHello, PeerMethod::kHandOff}) {
      if (path == path_of(method)) return static_cast<int>(method);
    }
    return std::unexpected(
        grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "only replicas call here"));
  }

  grpc::Status answer(int method, const grpc::ServerContextBase&, const grpc::ByteBuffer& request,
                      grpc::ByteBuffer* reply) override {
    auto message = otlp::to_inflated_slices(request, max_message_bytes_);
    if (!message) return {grpc::StatusCode::INVALID_ARGUMENT, "the message cannot be inflated"};
    const PeerReply answered = peers_.answer(static_cast<PeerMethod>(method), *std::move(message));
    if (!answered) return to_grpc(answered.error());
    *reply = otlp::to_byte_buffer(otlp::Batch::from_slices({*answered}, 0));
    return grpc::Status::OK;
  }

 private:
  PeerService& peers_;
  const std::uint64_t max_message_bytes_;
};

GrpcPeerServer::GrpcPeerServer(std::string path, const GrpcServerSettings& settings,
                               const ServerAuthenticator* authenticator, PeerService& service)
    : methods_(std::make_unique<Methods>(service, settings.max_recv_msg_size_bytes)),
      server_(std::make_unique<GrpcUnaryServer>(std::move(path), settings, kLimits, authenticator,
                                                *methods_)) {}

GrpcPeerServer::~GrpcPeerServer() = default;

Status GrpcPeerServer::listen() {
  return server_->listen();
}

void GrpcPeerServer::stop(std::chrono::steady_clock::time_point deadline) {
  server_->stop(deadline);
}

int GrpcPeerServer::port() const {
  return server_->port();
}

}  // namespace kernspan::replicas
