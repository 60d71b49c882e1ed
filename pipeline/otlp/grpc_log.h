#pragma once

namespace kernspan::otlp {

// Sends what gRPC itself logs (failed handshakes, ports in use) to the daemon's log, at most a line
// every ten seconds. Any thread, any number of times.
void route_grpc_log();

}  // namespace kernspan::otlp
