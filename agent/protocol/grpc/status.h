// gRPC status codes, and what stands for one where none was sent. Spec: statuscodes.md,
// PROTOCOL-HTTP2.md ("Errors") and http-grpc-status-mapping.md of
// https://github.com/grpc/grpc/tree/master/doc.
#pragma once

#include <cstdint>
#include <string_view>

namespace kernspan::grpc {

inline constexpr int kOk = 0;
inline constexpr int kCancelled = 1;
inline constexpr int kUnknown = 2;
inline constexpr int kDeadlineExceeded = 4;
inline constexpr int kPermissionDenied = 7;
inline constexpr int kResourceExhausted = 8;
inline constexpr int kUnimplemented = 12;
inline constexpr int kInternal = 13;
inline constexpr int kUnavailable = 14;
inline constexpr int kDataLoss = 15;
inline constexpr int kUnauthenticated = 16;

// "DEADLINE_EXCEEDED"; "UNKNOWN" for numbers without a meaning, as the libraries have it.
std::string_view status_name(int status);

// Whether a span of a server with this status is an error (OpenTelemetry semantic conventions for
// gRPC): a client's fault is not. Of a client's span everything but OK is.
bool is_server_error(int status);

// What a client makes of an answer without a grpc-status.
int status_of_http(int http_status);

// What either side makes of a RST_STREAM with this HTTP/2 error code.
int status_of_reset(std::uint32_t error_code);

}  // namespace kernspan::grpc
