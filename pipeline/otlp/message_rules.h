// What the fields of OTLP's messages look like on the wire, as tables: what request_check.cc checks.
// Spec: opentelemetry/proto/{collector/trace,collector/metrics,trace,metrics,resource,common}/v1/*.proto,
// version 1.5.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kernspan::otlp {

enum class FieldType : std::uint8_t {
  kUnknown,  // any wire type
  kVarint,
  kFixed32,
  kFixed64,
  kBytes,         // strings as well: that they are UTF-8 is not checked, as upstream
  kTraceId,       // 16 bytes or none
  kSpanId,        // 8 bytes or none
  kMessage,       // of `message`
  kKeyValue,      // a message that is very common
  kPackedVarint,  // repeated numbers: each in a field of its own, or all in one
  kPackedFixed64,
};

enum class MessageName : std::uint8_t {
  kTraceRequest,
  kResourceSpans,
  kScopeSpans,
  kSpan,
  kEvent,
  kLink,
  kStatus,
  kMetricsRequest,
  kResourceMetrics,
  kScopeMetrics,
  kMetric,
  kNumberData,
  kHistogramData,
  kExponentialHistogramData,
  kSummaryData,
  kNumberPoint,
  kHistogramPoint,
  kExponentialHistogramPoint,
  kBuckets,
  kSummaryPoint,
  kQuantile,
  kExemplar,
  kResource,
  kScope,
  kKeyValue,
  kAnyValue,
  kArrayValue,
  kKeyValueList,
  kCount,
};

struct FieldRule {
  FieldType type = FieldType::kUnknown;
  MessageName message = MessageName::kCount;
  bool is_item = false;   // what a request's items are counted by
  const char* name = "";  // "span.trace_id"
};

inline constexpr std::size_t kMaxKnownField = 16;
using MessageRule = std::array<FieldRule, kMaxKnownField + 1>;  // by field number; 0 is unused

const MessageRule& rule_of(MessageName message);

}  // namespace kernspan::otlp
