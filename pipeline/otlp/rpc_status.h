// The bytes around a trace request: the answer of the trace service, and the details of a gRPC
// error. Specs: opentelemetry/proto/collector/trace/v1/trace_service.proto;
// google/rpc/{status,error_details}.proto
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::otlp {

inline constexpr char kExportMethod[] =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

// What an ExportTraceServiceResponse says beyond "taken".
struct PartialSuccess {
  std::uint64_t rejected_spans = 0;
  std::string message;  // may stand without rejected spans: a warning
};

// Fails, permanently, when the bytes are malformed.
Result<PartialSuccess> parse_export_response(std::string_view response);

// The RetryInfo among the details of a google.rpc.Status ("grpc-status-details-bin"): how long the
// peer asks to wait. Nothing when there is none, or the bytes are malformed.
std::optional<std::chrono::nanoseconds> parse_retry_delay(std::string_view status_details);

}  // namespace kernspan::otlp
