// The last step of a probe: whether the peer takes OTLP.
#pragma once

#include <chrono>

#include "pipeline/exporters/sender/transport.h"
#include "tools/kernspan/peer/peer_options.h"

namespace kernspan::tools {

// Sends a request without spans, which leaves no trace behind, through the transport that exporters
// use. An error means that the options make no exporter.
Result<SendOutcome> offer_empty_request(const PeerOptions& options,
                                        std::chrono::milliseconds timeout);

}  // namespace kernspan::tools
