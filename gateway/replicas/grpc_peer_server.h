// Where peers call: the methods of grpc_peers.h, with byte buffers.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "gateway/replicas/peer_transport.h"
#include "pipeline/base/error.h"
#include "pipeline/component/authentication.h"
#include "pipeline/receivers/otlp/otlp_settings.h"

namespace kernspan::replicas {

// Answers a message that is not understood with INVALID_ARGUMENT, one that comes too early or too
// late with UNAVAILABLE, a call without a good token with UNAUTHENTICATED.
class GrpcPeerServer {
 public:
  // `path` is how messages call the settings; `authenticator` may be null. All outlive the server.
  GrpcPeerServer(std::string path, GrpcServerSettings settings,
                 const ServerAuthenticator* authenticator, PeerService& service);
  ~GrpcPeerServer();

  Status listen();
  // Lets calls in progress end until the deadline, then cancels them. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);
  int port() const;

 private:
  class Implementation;  // keeps gRPC's headers out of this one
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace kernspan::replicas
