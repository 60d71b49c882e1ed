#include "pipeline/otlp/message_rules.h"

#include <initializer_list>
#include <utility>

namespace kernspan::otlp {
namespace {

using Type = FieldType;
using Name = MessageName;
using Numbered = std::pair<std::size_t, FieldRule>;

constexpr FieldRule field(Type type, const char* name) {
  return {.type = type, .message = Name::kCount, .is_item = false, .name = name};
}
constexpr FieldRule message(Name content, const char* name) {
  return {.type = Type::kMessage, .message = content, .is_item = false, .name = name};
}
constexpr FieldRule item(Name content, const char* name) {
  return {.type = Type::kMessage, .message = content, .is_item = true, .name = name};
}
constexpr FieldRule attributes(const char* name) {
  return {.type = Type::kKeyValue, .message = Name::kKeyValue, .is_item = false, .name = name};
}

constexpr MessageRule rule(std::initializer_list<Numbered> fields) {
  MessageRule rule;
  for (const auto& [number, known] : fields) rule[number] = known;
  return rule;
}

constexpr MessageRule kSpanRule = rule({
    {1, field(Type::kTraceId, "span.trace_id")},
    {2, field(Type::kSpanId, "span.span_id")},
    {3, field(Type::kBytes, "span.trace_state")},
    {4, field(Type::kSpanId, "span.parent_span_id")},
    {5, field(Type::kBytes, "span.name")},
    {6, field(Type::kVarint, "span.kind")},
    {7, field(Type::kFixed64, "span.start_time_unix_nano")},
    {8, field(Type::kFixed64, "span.end_time_unix_nano")},
    {9, attributes("span.attributes")},
    {10, field(Type::kVarint, "span.dropped_attributes_count")},
    {11, message(Name::kEvent, "span.events")},
    {12, field(Type::kVarint, "span.dropped_events_count")},
    {13, message(Name::kLink, "span.links")},
    {14, field(Type::kVarint, "span.dropped_links_count")},
    {15, message(Name::kStatus, "span.status")},
    {16, field(Type::kFixed32, "span.flags")},
});

constexpr MessageRule kEventRule = rule({
    {1, field(Type::kFixed64, "event.time_unix_nano")},
    {2, field(Type::kBytes, "event.name")},
    {3, attributes("event.attributes")},
    {4, field(Type::kVarint, "event.dropped_attributes_count")},
});

constexpr MessageRule kLinkRule = rule({
    {1, field(Type::kTraceId, "link.trace_id")},
    {2, field(Type::kSpanId, "link.span_id")},
    {3, field(Type::kBytes, "link.trace_state")},
    {4, attributes("link.attributes")},
    {5, field(Type::kVarint, "link.dropped_attributes_count")},
    {6, field(Type::kFixed32, "link.flags")},
});

constexpr MessageRule kMetricRule = rule({
    {1, field(Type::kBytes, "metric.name")},
    {2, field(Type::kBytes, "metric.description")},
    {3, field(Type::kBytes, "metric.unit")},
    {5, message(Name::kNumberData, "metric.gauge")},
    {7, message(Name::kNumberData, "metric.sum")},
    {9, message(Name::kHistogramData, "metric.histogram")},
    {10, message(Name::kExponentialHistogramData, "metric.exponential_histogram")},
    {11, message(Name::kSummaryData, "metric.summary")},
    {12, attributes("metric.metadata")},
});

// Gauge and Sum, Histogram, ExponentialHistogram, Summary.
constexpr MessageRule metric_data(Name point) {
  return rule({
      {1, item(point, "data_points")},
      {2, field(Type::kVarint, "aggregation_temporality")},
      {3, field(Type::kVarint, "is_monotonic")},
  });
}

constexpr MessageRule kNumberPointRule = rule({
    {2, field(Type::kFixed64, "data_point.start_time_unix_nano")},
    {3, field(Type::kFixed64, "data_point.time_unix_nano")},
    {4, field(Type::kFixed64, "data_point.as_double")},
    {5, message(Name::kExemplar, "data_point.exemplars")},
    {6, field(Type::kFixed64, "data_point.as_int")},
    {7, attributes("data_point.attributes")},
    {8, field(Type::kVarint, "data_point.flags")},
});

constexpr MessageRule kHistogramPointRule = rule({
    {2, field(Type::kFixed64, "data_point.start_time_unix_nano")},
    {3, field(Type::kFixed64, "data_point.time_unix_nano")},
    {4, field(Type::kFixed64, "data_point.count")},
    {5, field(Type::kFixed64, "data_point.sum")},
    {6, field(Type::kPackedFixed64, "data_point.bucket_counts")},
    {7, field(Type::kPackedFixed64, "data_point.explicit_bounds")},
    {8, message(Name::kExemplar, "data_point.exemplars")},
    {9, attributes("data_point.attributes")},
    {10, field(Type::kVarint, "data_point.flags")},
    {11, field(Type::kFixed64, "data_point.min")},
    {12, field(Type::kFixed64, "data_point.max")},
});

constexpr MessageRule kExponentialHistogramPointRule = rule({
    {1, attributes("data_point.attributes")},
    {2, field(Type::kFixed64, "data_point.start_time_unix_nano")},
    {3, field(Type::kFixed64, "data_point.time_unix_nano")},
    {4, field(Type::kFixed64, "data_point.count")},
    {5, field(Type::kFixed64, "data_point.sum")},
    {6, field(Type::kVarint, "data_point.scale")},
    {7, field(Type::kFixed64, "data_point.zero_count")},
    {8, message(Name::kBuckets, "data_point.positive")},
    {9, message(Name::kBuckets, "data_point.negative")},
    {10, field(Type::kVarint, "data_point.flags")},
    {11, message(Name::kExemplar, "data_point.exemplars")},
    {12, field(Type::kFixed64, "data_point.min")},
    {13, field(Type::kFixed64, "data_point.max")},
    {14, field(Type::kFixed64, "data_point.zero_threshold")},
});

constexpr MessageRule kSummaryPointRule = rule({
    {2, field(Type::kFixed64, "data_point.start_time_unix_nano")},
    {3, field(Type::kFixed64, "data_point.time_unix_nano")},
    {4, field(Type::kFixed64, "data_point.count")},
    {5, field(Type::kFixed64, "data_point.sum")},
    {6, message(Name::kQuantile, "data_point.quantile_values")},
    {7, attributes("data_point.attributes")},
    {8, field(Type::kVarint, "data_point.flags")},
});

constexpr MessageRule kExemplarRule = rule({
    {2, field(Type::kFixed64, "exemplar.time_unix_nano")},
    {3, field(Type::kFixed64, "exemplar.as_double")},
    {4, field(Type::kSpanId, "exemplar.span_id")},
    {5, field(Type::kTraceId, "exemplar.trace_id")},
    {6, field(Type::kFixed64, "exemplar.as_int")},
    {7, attributes("exemplar.filtered_attributes")},
});

constexpr MessageRule kAnyValueRule = rule({
    {1, field(Type::kBytes, "value.string_value")},
    {2, field(Type::kVarint, "value.bool_value")},
    {3, field(Type::kVarint, "value.int_value")},
    {4, field(Type::kFixed64, "value.double_value")},
    {5, message(Name::kArrayValue, "value.array_value")},
    {6, message(Name::kKeyValueList, "value.kvlist_value")},
    {7, field(Type::kBytes, "value.bytes_value")},
});

constexpr MessageRule three_levels(const char* resource, Name inner, const char* name) {
  return rule({
      {1, message(inner == Name::kScopeSpans || inner == Name::kScopeMetrics ? Name::kResource
                                                                             : Name::kScope,
                  resource)},
      {2, inner == Name::kSpan ? item(inner, name) : message(inner, name)},
      {3, field(Type::kBytes, "schema_url")},
  });
}

using Rules = std::array<MessageRule, static_cast<std::size_t>(Name::kCount)>;

constexpr Rules make_rules() {
  Rules rules;
  const auto set = [&](Name name, const MessageRule& rule) {
    rules[static_cast<std::size_t>(name)] = rule;
  };
  set(Name::kTraceRequest, rule({{1, message(Name::kResourceSpans, "resource_spans")}}));
  set(Name::kResourceSpans, three_levels("resource", Name::kScopeSpans, "scope_spans"));
  set(Name::kScopeSpans, three_levels("scope", Name::kSpan, "spans"));
  set(Name::kSpan, kSpanRule);
  set(Name::kEvent, kEventRule);
  set(Name::kLink, kLinkRule);
  set(Name::kStatus,
      rule({{2, field(Type::kBytes, "status.message")}, {3, field(Type::kVarint, "status.code")}}));
  set(Name::kMetricsRequest, rule({{1, message(Name::kResourceMetrics, "resource_metrics")}}));
  set(Name::kResourceMetrics, three_levels("resource", Name::kScopeMetrics, "scope_metrics"));
  set(Name::kScopeMetrics, three_levels("scope", Name::kMetric, "metrics"));
  set(Name::kMetric, kMetricRule);
  set(Name::kNumberData, metric_data(Name::kNumberPoint));
  set(Name::kHistogramData, metric_data(Name::kHistogramPoint));
  set(Name::kExponentialHistogramData, metric_data(Name::kExponentialHistogramPoint));
  set(Name::kSummaryData, rule({{1, item(Name::kSummaryPoint, "data_points")}}));
  set(Name::kNumberPoint, kNumberPointRule);
  set(Name::kHistogramPoint, kHistogramPointRule);
  set(Name::kExponentialHistogramPoint, kExponentialHistogramPointRule);
  set(Name::kBuckets, rule({{1, field(Type::kVarint, "buckets.offset")},
                            {2, field(Type::kPackedVarint, "buckets.bucket_counts")}}));
  set(Name::kSummaryPoint, kSummaryPointRule);
  set(Name::kQuantile, rule({{1, field(Type::kFixed64, "quantile_value.quantile")},
                             {2, field(Type::kFixed64, "quantile_value.value")}}));
  set(Name::kExemplar, kExemplarRule);
  set(Name::kResource, rule({{1, attributes("resource.attributes")},
                             {2, field(Type::kVarint, "resource.dropped_attributes_count")}}));
  set(Name::kScope, rule({{1, field(Type::kBytes, "scope.name")},
                          {2, field(Type::kBytes, "scope.version")},
                          {3, attributes("scope.attributes")},
                          {4, field(Type::kVarint, "scope.dropped_attributes_count")}}));
  set(Name::kKeyValue, rule({{1, field(Type::kBytes, "attribute.key")},
                             {2, message(Name::kAnyValue, "attribute.value")}}));
  set(Name::kAnyValue, kAnyValueRule);
  set(Name::kArrayValue, rule({{1, message(Name::kAnyValue, "array_value.values")}}));
  set(Name::kKeyValueList, rule({{1, attributes("kvlist_value.values")}}));
  return rules;
}

constexpr Rules kRules = make_rules();

}  // namespace

const MessageRule& rule_of(MessageName message) {
  return kRules[static_cast<std::size_t>(message)];
}

}  // namespace kernspan::otlp
