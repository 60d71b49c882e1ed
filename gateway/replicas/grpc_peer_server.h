// Where peers call: the methods of grpc_peers.h.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "gateway/replicas/peer_transport.h"
#include "pipeline/base/error.h"
#include "pipeline/component/authentication.h"
#include "pipeline/receivers/grpc/server_settings.h"

namespace kernspan {
class GrpcUnaryServer;
}

namespace kernspan::replicas {

// Answers a message that is not understood with INVALID_ARGUMENT, one that comes too early or too
// late with UNAVAILABLE; all else as GrpcUnaryServer.
class GrpcPeerServer {
 public:
  // `path` is how messages call the settings; `authenticator` may be null. All outlive the server.
  GrpcPeerServer(std::string path, const GrpcServerSettings& settings,
                 const ServerAuthenticator* authenticator, PeerService& service);
  ~GrpcPeerServer();

  Status listen();
  // Lets calls in progress end until the deadline, then cancels them. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);
  int port() const;

 private:
  class Methods;  // keeps gRPC's headers out of this one
  const std::unique_ptr<Methods> methods_;
  const std::unique_ptr<GrpcUnaryServer> server_;
};

}  // namespace kernspan::replicas
