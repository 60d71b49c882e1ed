// What the services of OTLP answer when they refuse: google.rpc.Status, in both encodings.
// Specs: opentelemetry.io/docs/specs/otlp, "Failures"; google/rpc/{code,status}.proto
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kernspan::otlp {

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
