// Calls of peers over gRPC, with byte buffers: a unary method for each kind of message.
#pragma once

#include <memory>
#include <string>

#include "gateway/replicas/peer_transport.h"
#include "pipeline/exporters/otlp/otlp_settings.h"

namespace kernspan::replicas {

// The path of a method: "/kernspan.replicas.v1.Replicas/HandOff".
const char* path_of(PeerMethod method);

// One completion queue and one thread; a channel for each peer.
class GrpcPeers final : public PeerTransport {
 public:
  // Of the settings, the endpoint is not used: peers are called by their addresses.
  explicit GrpcPeers(OtlpExporterSettings settings);
  ~GrpcPeers() override;

  // Reads the certificate files.
  Status start() override;
  void call(const std::string& peer, PeerMethod method, PeerBytes message,
            std::chrono::nanoseconds timeout, Done done) override;
  void forget(const std::string& peer) override;
  void cancel_all() override;
  void stop() override;

 private:
  class Implementation;  // keeps gRPC's headers out of this one
  const OtlpExporterSettings settings_;
  ClientTlsWatch tls_watch_;
  std::unique_ptr<Implementation> implementation_;  // from start() on
};

}  // namespace kernspan::replicas
