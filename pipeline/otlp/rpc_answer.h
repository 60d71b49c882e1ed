// What the services of OTLP answer: names of methods, and google.rpc.Status in both encodings.
// Specs: opentelemetry/proto/collector/*/v1/*_service.proto; google/rpc/{code,status}.proto
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

// ".../TraceService/Export", ".../MetricsService/Export": as in a gRPC request's path.
std::string_view export_method(Signal signal);

// google.rpc.Code
enum class RpcCode : std::uint8_t {
  kUnknown = 2,
  kInvalidArgument = 3,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

// The code that goes with an HTTP status, as in the collector.
RpcCode rpc_code(int http_status);

// A google.rpc.Status. What is not UTF-8 in the message becomes '?'.
std::string encode_status(RpcCode code, std::string_view message);
std::string encode_status_json(RpcCode code, std::string_view message);

}  // namespace kernspan::otlp
