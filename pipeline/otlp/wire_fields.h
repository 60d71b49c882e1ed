// Field numbers of the OTLP messages that this program reads or writes on the wire.
// Spec: opentelemetry/proto/{collector/trace,trace,resource,common}/v1/*.proto, version 1.5.
#pragma once

#include <cstdint>

namespace kernspan::otlp::wire {

// ExportTraceServiceRequest and TracesData have the same shape, ExportMetricsServiceRequest and
// MetricsData as well.
namespace request {
inline constexpr std::uint32_t kResourceSpans = 1;
inline constexpr std::uint32_t kResourceMetrics = 1;
}  // namespace request

namespace response {
inline constexpr std::uint32_t kPartialSuccess = 1;
}

namespace partial_success {
inline constexpr std::uint32_t kRejectedSpans = 1;
inline constexpr std::uint32_t kErrorMessage = 2;
}  // namespace partial_success

namespace resource_spans {
inline constexpr std::uint32_t kResource = 1;
inline constexpr std::uint32_t kScopeSpans = 2;
inline constexpr std::uint32_t kSchemaUrl = 3;
}  // namespace resource_spans

namespace resource {
inline constexpr std::uint32_t kAttributes = 1;
inline constexpr std::uint32_t kDroppedAttributesCount = 2;
}  // namespace resource

namespace scope_spans {
inline constexpr std::uint32_t kScope = 1;
inline constexpr std::uint32_t kSpans = 2;
inline constexpr std::uint32_t kSchemaUrl = 3;
}  // namespace scope_spans

namespace scope {
inline constexpr std::uint32_t kName = 1;
inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::uint32_t kAttributes = 3;
inline constexpr std::uint32_t kDroppedAttributesCount = 4;
}  // namespace scope

namespace span {
inline constexpr std::uint32_t kTraceId = 1;
inline constexpr std::uint32_t kSpanId = 2;
inline constexpr std::uint32_t kTraceState = 3;
inline constexpr std::uint32_t kParentSpanId = 4;
inline constexpr std::uint32_t kName = 5;
inline constexpr std::uint32_t kKind = 6;
inline constexpr std::uint32_t kStartTimeUnixNano = 7;
inline constexpr std::uint32_t kEndTimeUnixNano = 8;
inline constexpr std::uint32_t kAttributes = 9;
inline constexpr std::uint32_t kDroppedAttributesCount = 10;
inline constexpr std::uint32_t kEvents = 11;
inline constexpr std::uint32_t kDroppedEventsCount = 12;
inline constexpr std::uint32_t kLinks = 13;
inline constexpr std::uint32_t kDroppedLinksCount = 14;
inline constexpr std::uint32_t kStatus = 15;
inline constexpr std::uint32_t kFlags = 16;
}  // namespace span

namespace event {
inline constexpr std::uint32_t kTimeUnixNano = 1;
inline constexpr std::uint32_t kName = 2;
inline constexpr std::uint32_t kAttributes = 3;
inline constexpr std::uint32_t kDroppedAttributesCount = 4;
}  // namespace event

namespace link {
inline constexpr std::uint32_t kTraceId = 1;
inline constexpr std::uint32_t kSpanId = 2;
inline constexpr std::uint32_t kTraceState = 3;
inline constexpr std::uint32_t kAttributes = 4;
inline constexpr std::uint32_t kDroppedAttributesCount = 5;
inline constexpr std::uint32_t kFlags = 6;
}  // namespace link

namespace status {
inline constexpr std::uint32_t kMessage = 2;
inline constexpr std::uint32_t kCode = 3;
}  // namespace status

namespace key_value {
inline constexpr std::uint32_t kKey = 1;
inline constexpr std::uint32_t kValue = 2;
}  // namespace key_value

namespace any_value {
inline constexpr std::uint32_t kString = 1;
inline constexpr std::uint32_t kBool = 2;
inline constexpr std::uint32_t kInt = 3;
inline constexpr std::uint32_t kDouble = 4;
inline constexpr std::uint32_t kArray = 5;
inline constexpr std::uint32_t kKvlist = 6;
inline constexpr std::uint32_t kBytes = 7;
}  // namespace any_value

// ArrayValue and KeyValueList.
namespace value_list {
inline constexpr std::uint32_t kValues = 1;
}

namespace resource_metrics {
inline constexpr std::uint32_t kResource = 1;
inline constexpr std::uint32_t kScopeMetrics = 2;
}  // namespace resource_metrics

namespace scope_metrics {
inline constexpr std::uint32_t kMetrics = 2;
}

namespace metric {
inline constexpr std::uint32_t kGauge = 5;
inline constexpr std::uint32_t kSum = 7;
inline constexpr std::uint32_t kHistogram = 9;
inline constexpr std::uint32_t kExponentialHistogram = 10;
inline constexpr std::uint32_t kSummary = 11;
inline constexpr std::uint32_t kDataPoints = 1;  // of each of these
}  // namespace metric

}  // namespace kernspan::otlp::wire
