// The bytes around an export request: the answer of the service, and the details of a gRPC
// error. Specs: opentelemetry/proto/collector/{trace,metrics}/v1/*_service.proto;
// google/rpc/{status,error_details}.proto
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

inline constexpr char kExportMethod[] =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

inline constexpr char kMetricsExportMethod[] =
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

constexpr const char* export_method(Signal signal) {
  return signal == Signal::kTraces ? kExportMethod : kMetricsExportMethod;
}

// What an ExportTraceServiceResponse says beyond "taken"; one for metrics has the same shape.
struct PartialSuccess {
  std::uint64_t rejected_spans = 0;  // or data points
  std::string message;               // may stand without rejected spans: a warning
};

// Fails, permanently, when the bytes are malformed.
Result<PartialSuccess> parse_export_response(std::string_view response);

// The RetryInfo among the details of a google.rpc.Status ("grpc-status-details-bin"): how long the
// peer asks to wait. Nothing when there is none, or the bytes are malformed.
std::optional<std::chrono::nanoseconds> parse_retry_delay(std::string_view status_details);

// The message of an encoded google.rpc.Status, which is the body of a failed OTLP/HTTP request; empty
// when there is none, or the bytes are malformed.
std::string parse_status_message(std::string_view status);

}  // namespace kernspan::otlp
