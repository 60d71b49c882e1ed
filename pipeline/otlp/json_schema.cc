#include "pipeline/otlp/json_schema.h"

#include <array>
#include <cstddef>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using enum JsonType;
using M = JsonMessage;

constexpr JsonField message(std::string_view name, std::uint32_t number, JsonMessage type) {
  return {.name = name, .number = number, .type = kMessage, .message = type};
}

constexpr JsonField list(std::string_view name, std::uint32_t number, JsonMessage type) {
  return {.name = name, .number = number, .type = kMessage, .repeated = true, .message = type};
}

constexpr std::array kTracesRequest = {
    list("resourceSpans", wire::request::kResourceSpans, M::kResourceSpans)};
constexpr std::array kMetricsRequest = {
    list("resourceMetrics", wire::request::kResourceMetrics, M::kResourceMetrics)};

constexpr std::array kResourceSpans = {
    message("resource", wire::resource_spans::kResource, M::kResource),
    list("scopeSpans", wire::resource_spans::kScopeSpans, M::kScopeSpans),
    JsonField{"schemaUrl", wire::resource_spans::kSchemaUrl, kString}};
constexpr std::array kResourceMetrics = {message("resource", 1, M::kResource),
                                         list("scopeMetrics", 2, M::kScopeMetrics),
                                         JsonField{"schemaUrl", 3, kString}};
constexpr std::array kResource = {
    list("attributes", wire::resource::kAttributes, M::kKeyValue),
    JsonField{"droppedAttributesCount", wire::resource::kDroppedAttributesCount, kUint32}};
constexpr std::array kScopeSpans = {message("scope", wire::scope_spans::kScope, M::kScope),
                                    list("spans", wire::scope_spans::kSpans, M::kSpan),
                                    JsonField{"schemaUrl", wire::scope_spans::kSchemaUrl, kString}};
constexpr std::array kScopeMetrics = {message("scope", 1, M::kScope),
                                      list("metrics", 2, M::kMetric),
                                      JsonField{"schemaUrl", 3, kString}};
constexpr std::array kScope = {
    JsonField{"name", wire::scope::kName, kString},
    JsonField{"version", wire::scope::kVersion, kString},
    list("attributes", wire::scope::kAttributes, M::kKeyValue),
    JsonField{"droppedAttributesCount", wire::scope::kDroppedAttributesCount, kUint32}};

constexpr std::array kSpan = {
    JsonField{"traceId", wire::span::kTraceId, kTraceId},
    JsonField{"spanId", wire::span::kSpanId, kSpanId},
    JsonField{"traceState", wire::span::kTraceState, kString},
    JsonField{"parentSpanId", wire::span::kParentSpanId, kSpanId},
    JsonField{"name", wire::span::kName, kString},
    JsonField{"kind", wire::span::kKind, kSpanKind},
    JsonField{"startTimeUnixNano", wire::span::kStartTimeUnixNano, kFixed64},
    JsonField{"endTimeUnixNano", wire::span::kEndTimeUnixNano, kFixed64},
    list("attributes", wire::span::kAttributes, M::kKeyValue),
    JsonField{"droppedAttributesCount", wire::span::kDroppedAttributesCount, kUint32},
    list("events", wire::span::kEvents, M::kEvent),
    JsonField{"droppedEventsCount", wire::span::kDroppedEventsCount, kUint32},
    list("links", wire::span::kLinks, M::kLink),
    JsonField{"droppedLinksCount", wire::span::kDroppedLinksCount, kUint32},
    message("status", wire::span::kStatus, M::kStatus),
    JsonField{"flags", wire::span::kFlags, kFixed32}};
constexpr std::array kEvent = {
    JsonField{"timeUnixNano", wire::event::kTimeUnixNano, kFixed64},
    JsonField{"name", wire::event::kName, kString},
    list("attributes", wire::event::kAttributes, M::kKeyValue),
    JsonField{"droppedAttributesCount", wire::event::kDroppedAttributesCount, kUint32}};
constexpr std::array kLink = {
    JsonField{"traceId", wire::link::kTraceId, kTraceId},
    JsonField{"spanId", wire::link::kSpanId, kSpanId},
    JsonField{"traceState", wire::link::kTraceState, kString},
    list("attributes", wire::link::kAttributes, M::kKeyValue),
    JsonField{"droppedAttributesCount", wire::link::kDroppedAttributesCount, kUint32},
    JsonField{"flags", wire::link::kFlags, kFixed32}};
constexpr std::array kStatus = {JsonField{"message", wire::status::kMessage, kString},
                                JsonField{"code", wire::status::kCode, kStatusCode}};

constexpr std::array kKeyValue = {JsonField{"key", wire::key_value::kKey, kString},
                                  message("value", wire::key_value::kValue, M::kAnyValue)};
constexpr std::array kAnyValue = {
    JsonField{"stringValue", wire::any_value::kString, kString},
    JsonField{"boolValue", wire::any_value::kBool, kBool},
    JsonField{"intValue", wire::any_value::kInt, kInt64},
    JsonField{"doubleValue", wire::any_value::kDouble, kDouble},
    message("arrayValue", wire::any_value::kArray, M::kArrayValue),
    message("kvlistValue", wire::any_value::kKvlist, M::kKeyValueList),
    JsonField{"bytesValue", wire::any_value::kBytes, kBase64}};
constexpr std::array kArrayValue = {list("values", wire::value_list::kValues, M::kAnyValue)};
constexpr std::array kKeyValueList = {list("values", wire::value_list::kValues, M::kKeyValue)};

// Field numbers of opentelemetry/proto/metrics/v1/metrics.proto; nothing else here needs them.
constexpr std::array kMetric = {
    JsonField{"name", 1, kString},
    JsonField{"description", 2, kString},
    JsonField{"unit", 3, kString},
    message("gauge", wire::metric::kGauge, M::kGauge),
    message("sum", wire::metric::kSum, M::kSum),
    message("histogram", wire::metric::kHistogram, M::kHistogram),
    message("exponentialHistogram", wire::metric::kExponentialHistogram, M::kExponentialHistogram),
    message("summary", wire::metric::kSummary, M::kSummary),
    list("metadata", 12, M::kKeyValue)};
constexpr std::array kGauge = {list("dataPoints", wire::metric::kDataPoints, M::kNumberDataPoint)};
constexpr std::array kSum = {list("dataPoints", wire::metric::kDataPoints, M::kNumberDataPoint),
                             JsonField{"aggregationTemporality", 2, kTemporality},
                             JsonField{"isMonotonic", 3, kBool}};
constexpr std::array kHistogram = {
    list("dataPoints", wire::metric::kDataPoints, M::kHistogramDataPoint),
    JsonField{"aggregationTemporality", 2, kTemporality}};
constexpr std::array kExponentialHistogram = {
    list("dataPoints", wire::metric::kDataPoints, M::kExponentialHistogramDataPoint),
    JsonField{"aggregationTemporality", 2, kTemporality}};
constexpr std::array kSummary = {
    list("dataPoints", wire::metric::kDataPoints, M::kSummaryDataPoint)};

constexpr std::array kNumberDataPoint = {
    list("attributes", 7, M::kKeyValue),    JsonField{"startTimeUnixNano", 2, kFixed64},
    JsonField{"timeUnixNano", 3, kFixed64}, JsonField{"asDouble", 4, kDouble},
    JsonField{"asInt", 6, kSfixed64},       list("exemplars", 5, M::kExemplar),
    JsonField{"flags", 8, kUint32}};
constexpr std::array kHistogramDataPoint = {list("attributes", 9, M::kKeyValue),
                                            JsonField{"startTimeUnixNano", 2, kFixed64},
                                            JsonField{"timeUnixNano", 3, kFixed64},
                                            JsonField{"count", 4, kFixed64},
                                            JsonField{"sum", 5, kDouble},
                                            JsonField{"bucketCounts", 6, kFixed64, true},
                                            JsonField{"explicitBounds", 7, kDouble, true},
                                            list("exemplars", 8, M::kExemplar),
                                            JsonField{"flags", 10, kUint32},
                                            JsonField{"min", 11, kDouble},
                                            JsonField{"max", 12, kDouble}};
constexpr std::array kExponentialHistogramDataPoint = {
    list("attributes", 1, M::kKeyValue),    JsonField{"startTimeUnixNano", 2, kFixed64},
    JsonField{"timeUnixNano", 3, kFixed64}, JsonField{"count", 4, kFixed64},
    JsonField{"sum", 5, kDouble},           JsonField{"scale", 6, kSint32},
    JsonField{"zeroCount", 7, kFixed64},    message("positive", 8, M::kBuckets),
    message("negative", 9, M::kBuckets),    JsonField{"flags", 10, kUint32},
    list("exemplars", 11, M::kExemplar),    JsonField{"min", 12, kDouble},
    JsonField{"max", 13, kDouble},          JsonField{"zeroThreshold", 14, kDouble}};
constexpr std::array kBuckets = {JsonField{"offset", 1, kSint32},
                                 JsonField{"bucketCounts", 2, kUint64, true}};
constexpr std::array kSummaryDataPoint = {
    list("attributes", 7, M::kKeyValue),    JsonField{"startTimeUnixNano", 2, kFixed64},
    JsonField{"timeUnixNano", 3, kFixed64}, JsonField{"count", 4, kFixed64},
    JsonField{"sum", 5, kDouble},           list("quantileValues", 6, M::kValueAtQuantile),
    JsonField{"flags", 8, kUint32}};
constexpr std::array kValueAtQuantile = {JsonField{"quantile", 1, kDouble},
                                         JsonField{"value", 2, kDouble}};
constexpr std::array kExemplar = {list("filteredAttributes", 7, M::kKeyValue),
                                  JsonField{"timeUnixNano", 2, kFixed64},
                                  JsonField{"asDouble", 3, kDouble},
                                  JsonField{"asInt", 6, kSfixed64},
                                  JsonField{"spanId", 4, kSpanId},
                                  JsonField{"traceId", 5, kTraceId}};

constexpr std::array<std::string_view, 6> kSpanKindNames = {
    "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"};
constexpr std::array<std::string_view, 3> kStatusCodeNames = {"STATUS_CODE_UNSET", "STATUS_CODE_OK",
                                                              "STATUS_CODE_ERROR"};
constexpr std::array<std::string_view, 3> kTemporalityNames = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE"};

// "resource_spans" names what "resourceSpans" does.
bool names_field(std::string_view key, std::string_view name) {
  if (key == name) return true;
  if (key.find('_') == std::string_view::npos) return false;
  std::size_t at = 0;
  bool upper = false;
  for (const char c : key) {
    if (c == '_') {
      upper = true;
      continue;
    }
    const bool is_lower = c >= 'a' && c <= 'z';
    const char expected = upper && is_lower ? static_cast<char>(c - 'a' + 'A') : c;
    if (at == name.size() || name[at] != expected) return false;
    upper = false;
    ++at;
  }
  return at == name.size();
}

}  // namespace

std::span<const JsonField> fields_of(JsonMessage message) {
  switch (message) {
    case M::kTracesRequest:
      return kTracesRequest;
    case M::kMetricsRequest:
      return kMetricsRequest;
    case M::kResourceSpans:
      return kResourceSpans;
    case M::kResourceMetrics:
      return kResourceMetrics;
    case M::kResource:
      return kResource;
    case M::kScopeSpans:
      return kScopeSpans;
    case M::kScopeMetrics:
      return kScopeMetrics;
    case M::kScope:
      return kScope;
    case M::kSpan:
      return kSpan;
    case M::kEvent:
      return kEvent;
    case M::kLink:
      return kLink;
    case M::kStatus:
      return kStatus;
    case M::kKeyValue:
      return kKeyValue;
    case M::kAnyValue:
      return kAnyValue;
    case M::kArrayValue:
      return kArrayValue;
    case M::kKeyValueList:
      return kKeyValueList;
    case M::kMetric:
      return kMetric;
    case M::kGauge:
      return kGauge;
    case M::kSum:
      return kSum;
    case M::kHistogram:
      return kHistogram;
    case M::kExponentialHistogram:
      return kExponentialHistogram;
    case M::kSummary:
      return kSummary;
    case M::kNumberDataPoint:
      return kNumberDataPoint;
    case M::kHistogramDataPoint:
      return kHistogramDataPoint;
    case M::kExponentialHistogramDataPoint:
      return kExponentialHistogramDataPoint;
    case M::kBuckets:
      return kBuckets;
    case M::kSummaryDataPoint:
      return kSummaryDataPoint;
    case M::kValueAtQuantile:
      return kValueAtQuantile;
    case M::kExemplar:
      return kExemplar;
  }
  return {};
}

const JsonField* find_field(JsonMessage message, std::string_view key) {
  for (const JsonField& field : fields_of(message)) {
    if (names_field(key, field.name)) return &field;
  }
  return nullptr;
}

std::span<const std::string_view> enum_names(JsonType type) {
  switch (type) {
    case kSpanKind:
      return kSpanKindNames;
    case kStatusCode:
      return kStatusCodeNames;
    case kTemporality:
      return kTemporalityNames;
    default:
      return {};
  }
}

}  // namespace kernspan::otlp
