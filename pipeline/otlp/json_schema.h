// The messages of an OTLP request as JSON names them: which keys an object may have, and which
// field of the wire form each is.
// Spec: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"; opentelemetry/proto/**.proto
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

enum class JsonMessage : std::uint8_t {
  kTracesRequest,
  kMetricsRequest,
  kResourceSpans,
  kResourceMetrics,
  kResource,
  kScopeSpans,
  kScopeMetrics,
  kScope,
  kSpan,
  kEvent,
  kLink,
  kStatus,
  kKeyValue,
  kAnyValue,
  kArrayValue,
  kKeyValueList,
  kMetric,
  kGauge,
  kSum,
  kHistogram,
  kExponentialHistogram,
  kSummary,
  kNumberDataPoint,
  kHistogramDataPoint,
  kExponentialHistogramDataPoint,
  kBuckets,
  kSummaryDataPoint,
  kValueAtQuantile,
  kExemplar,
};

// What stands at a key, and how it goes on the wire.
enum class JsonType : std::uint8_t {
  kMessage,
  kString,
  kTraceId,  // hex
  kSpanId,   // hex
  kBase64,
  kBool,
  kSpanKind,  // enumerations: a number, or its name
  kStatusCode,
  kTemporality,
  kUint32,
  kInt64,
  kUint64,
  kSint32,  // zigzag
  kFixed32,
  kFixed64,
  kSfixed64,
  kDouble,
};

struct JsonField {
  std::string_view name;  // lowerCamelCase
  std::uint32_t number;
  JsonType type;
  bool repeated = false;
  JsonMessage message = JsonMessage::kTracesRequest;  // of kMessage
};

constexpr JsonMessage request_message(Signal signal) {
  return signal == Signal::kTraces ? JsonMessage::kTracesRequest : JsonMessage::kMetricsRequest;
}

std::span<const JsonField> fields_of(JsonMessage message);

// The field of that key, in lowerCamelCase or as the .proto spells it; null when the message has
// none.
const JsonField* find_field(JsonMessage message, std::string_view key);

// The names of an enumeration, each at its number; none for other types.
std::span<const std::string_view> enum_names(JsonType type);

}  // namespace kernspan::otlp
