#include "agent/protocol/grpc/status.h"

#include <array>
#include <cstddef>

#include "agent/protocol/http2/error_code.h"

namespace kernspan::grpc {
namespace {

constexpr std::array<std::string_view, 17> kNames{
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

}  // namespace

std::string_view status_name(int status) {
  const bool known = status >= 0 && static_cast<std::size_t>(status) < kNames.size();
  return kNames[static_cast<std::size_t>(known ? status : kUnknown)];
}

bool is_server_error(int status) {
  switch (status) {
    case kUnknown:
    case kDeadlineExceeded:
    case kUnimplemented:
    case kInternal:
    case kUnavailable:
    case kDataLoss:
      return true;
    default:
      return status_name(status) == kNames[kUnknown];
  }
}

int status_of_http(int http_status) {
  switch (http_status) {
    case 400:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kUnavailable;
    default:
      return kUnknown;
  }
}

int status_of_reset(std::uint32_t error_code) {
  switch (error_code) {
    case http2::kRefusedStream:
      return kUnavailable;
    case http2::kCancel:
      return kCancelled;
    case http2::kEnhanceYourCalm:
      return kResourceExhausted;
    case http2::kInadequateSecurity:
      return kPermissionDenied;
    default:
      return kInternal;
  }
}

}  // namespace kernspan::grpc
