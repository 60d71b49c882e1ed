#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <memory>

#include "pipeline/base/error.h"
#include "pipeline/receivers/grpc/server_settings.h"

namespace kernspan {

// Reads the files. Those that are to be reloaded are looked at again every reload_interval (whole
// seconds; client_ca_file_reload alone: every second) by a thread of gRPC's own.
Result<std::shared_ptr<grpc::ServerCredentials>> make_server_credentials(
    const ServerTlsSettings& tls);

// Limits, buffers and keep-alive.
void set_server_options(const GrpcServerSettings& settings, grpc::ServerBuilder& builder);

}  // namespace kernspan
