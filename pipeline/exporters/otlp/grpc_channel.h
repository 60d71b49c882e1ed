// What a connection to a gRPC peer is made of: credentials and channel arguments.
#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "pipeline/exporters/otlp/otlp_settings.h"

namespace kernspan {

// Does not wait for a connection. Another channel to the same peer shares nothing with it.
std::shared_ptr<grpc::Channel> make_channel(const OtlpExporterSettings& settings,
                                            const ClientTlsMaterial& material);

}  // namespace kernspan
