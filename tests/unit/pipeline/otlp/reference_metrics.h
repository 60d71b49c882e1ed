// A metrics request with every kind of metric and every field, made with protobuf's generated
// classes.
#pragma once

#include <opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace kernspan::otlp {

namespace metrics_proto = opentelemetry::proto::metrics::v1;
using ReferenceMetrics = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;

constexpr auto kDelta = metrics_proto::AGGREGATION_TEMPORALITY_DELTA;
constexpr auto kCumulative = metrics_proto::AGGREGATION_TEMPORALITY_CUMULATIVE;

template <typename Message>
void add_attribute(Message& attributes, const std::string& key, const std::string& value) {
  auto& attribute = *attributes.Add();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
}

template <typename Point>
void set_times(Point& point) {
  point.set_start_time_unix_nano(1'700'000'000'000'000'000);
  point.set_time_unix_nano(1'700'000'060'000'000'000);
  add_attribute(*point.mutable_attributes(), "http.route", "/cart");
}

// A request of one resource and scope, to be filled.
inline metrics_proto::ScopeMetrics& add_scope(ReferenceMetrics& request) {
  auto& resource_metrics = *request.add_resource_metrics();
  add_attribute(*resource_metrics.mutable_resource()->mutable_attributes(), "service.name", "shop");
  resource_metrics.set_schema_url("https://example.org/schema");
  auto& scope = *resource_metrics.add_scope_metrics();
  scope.mutable_scope()->set_name("meter");
  scope.mutable_scope()->set_version("2");
  return scope;
}

inline metrics_proto::NumberDataPoint& add_sum(metrics_proto::ScopeMetrics& scope,
                                               const std::string& name, std::int64_t value,
                                               metrics_proto::AggregationTemporality temporality,
                                               bool monotonic = true) {
  auto& metric = *scope.add_metrics();
  metric.set_name(name);
  metric.set_description("Things \"done\".");
  metric.set_unit("By");
  metric.mutable_sum()->set_is_monotonic(monotonic);
  metric.mutable_sum()->set_aggregation_temporality(temporality);
  auto& point = *metric.mutable_sum()->add_data_points();
  set_times(point);
  point.set_as_int(value);
  return point;
}

inline void add_gauge(metrics_proto::ScopeMetrics& scope) {
  auto& metric = *scope.add_metrics();
  metric.set_name("cpu.utilization");
  metric.set_unit("1");
  auto& point = *metric.mutable_gauge()->add_data_points();
  set_times(point);
  point.set_as_double(0.25);
}

inline void add_histogram(metrics_proto::ScopeMetrics& scope,
                          metrics_proto::AggregationTemporality temporality = kCumulative) {
  auto& metric = *scope.add_metrics();
  metric.set_name("http.server.duration");
  metric.set_unit("s");
  metric.mutable_histogram()->set_aggregation_temporality(temporality);
  auto& point = *metric.mutable_histogram()->add_data_points();
  set_times(point);
  point.set_count(6);
  point.set_sum(12.5);
  point.set_min(0.1);
  point.set_max(9);
  for (const std::uint64_t count : {1, 2, 3}) point.add_bucket_counts(count);
  for (const double bound : {0.5, 5.0}) point.add_explicit_bounds(bound);
  auto& exemplar = *point.add_exemplars();
  exemplar.set_time_unix_nano(1'700'000'030'000'000'000);
  exemplar.set_as_double(7.5);
  exemplar.set_span_id("12345678");
  exemplar.set_trace_id("1234567890abcdef");
  add_attribute(*exemplar.mutable_filtered_attributes(), "user", "a");
}

inline void add_exponential_histogram(metrics_proto::ScopeMetrics& scope) {
  auto& metric = *scope.add_metrics();
  metric.set_name("queue.delay");
  metric.mutable_exponential_histogram()->set_aggregation_temporality(kCumulative);
  auto& point = *metric.mutable_exponential_histogram()->add_data_points();
  set_times(point);
  point.set_count(7);
  point.set_sum(10);
  point.set_scale(0);  // buckets grow by the factor 2
  point.set_zero_count(1);
  point.mutable_positive()->set_offset(-1);
  for (const std::uint64_t count : {1, 2}) point.mutable_positive()->add_bucket_counts(count);
  point.mutable_negative()->set_offset(1);
  point.mutable_negative()->add_bucket_counts(3);
}

inline void add_summary(metrics_proto::ScopeMetrics& scope) {
  auto& metric = *scope.add_metrics();
  metric.set_name("gc.pause");
  auto& point = *metric.mutable_summary()->add_data_points();
  set_times(point);
  point.set_count(4);
  point.set_sum(2);
  auto& quantile = *point.add_quantile_values();
  quantile.set_quantile(0.5);
  quantile.set_value(0.25);
  point.set_flags(0);
}

inline ReferenceMetrics reference_metrics() {
  ReferenceMetrics request;
  auto& scope = add_scope(request);
  add_sum(scope, "bytes.sent", 42, kCumulative);
  add_gauge(scope);
  add_histogram(scope);
  add_exponential_histogram(scope);
  add_summary(scope);
  return request;
}

}  // namespace kernspan::otlp
