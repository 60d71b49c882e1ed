#include "pipeline/exporters/debug/debug_metrics_text.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "pipeline/otlp/metric_view.h"
#include "pipeline/otlp/value_text.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan {
namespace {

using otlp::DataPointView;
using otlp::MetricKind;
using otlp::MetricView;
using Messages = otlp::FieldRange<std::string_view>;

template <typename... Args>
void line(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  if (!out.empty()) out += '\n';
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

std::string_view kind_name(MetricKind kind) {
  switch (kind) {
    case MetricKind::kGauge:
      return "Gauge";
    case MetricKind::kSum:
      return "Sum";
    case MetricKind::kHistogram:
      return "Histogram";
    case MetricKind::kExponentialHistogram:
      return "ExponentialHistogram";
    case MetricKind::kSummary:
      return "Summary";
    case MetricKind::kNone:
      break;
  }
  return "Empty";
}

std::string_view temporality_name(otlp::Temporality temporality) {
  static constexpr std::array<std::string_view, 3> kNames = {"Unspecified", "Delta", "Cumulative"};
  return kNames[static_cast<std::size_t>(temporality)];
}

std::string_view type_name(otlp::ValueKind kind) {
  static constexpr std::array<std::string_view, 8> kNames = {"Empty",  "Str",   "Bool", "Int",
                                                             "Double", "Slice", "Map",  "Bytes"};
  return kNames[static_cast<std::size_t>(kind)];
}

void attribute_block(std::string& out, std::string_view title,
                     const otlp::AttributeRange& attributes) {
  if (attributes.empty()) return;
  line(out, "{}:", title);
  for (const otlp::AttributeView attribute : attributes) {
    const otlp::ValueView value = attribute.value();
    line(out, "     -> {}: {}({})", attribute.key, type_name(value.kind()),
         otlp::value_text(value));
  }
}

std::string value_line(const MetricView& metric, const DataPointView& point) {
  if (metric.kind == MetricKind::kGauge || metric.kind == MetricKind::kSum) {
    if (!point.number.is_present) return "(no value)";
    return point.number.is_int ? std::to_string(point.number.as_int)
                               : fmt::format("{}", point.number.as_double);
  }
  std::string text = fmt::format("count={}", point.count);
  if (point.sum) text += fmt::format(" sum={}", *point.sum);
  if (point.min) text += fmt::format(" min={}", *point.min);
  if (point.max) text += fmt::format(" max={}", *point.max);
  for (std::size_t i = 0; i < point.bucket_counts.size(); ++i) {
    text += i < point.explicit_bounds.size()
                ? fmt::format(" le{}={}", point.explicit_bounds[i], point.bucket_counts[i])
                : fmt::format(" rest={}", point.bucket_counts[i]);
  }
  for (const otlp::QuantileView& each : point.quantiles) {
    text += fmt::format(" q{}={}", each.quantile, each.value);
  }
  return text;
}

void buckets_block(std::string& out, std::string_view title,
                   const std::optional<otlp::BucketsView>& buckets) {
  if (!buckets) return;
  for (std::size_t i = 0; i < buckets->counts.size(); ++i) {
    line(out, "{} bucket {}, Count: {}", title,
         std::int64_t{buckets->offset} + static_cast<std::int64_t>(i), buckets->counts[i]);
  }
}

void distribution_block(std::string& out, const DataPointView& point) {
  line(out, "Count: {}", point.count);
  if (point.sum) line(out, "Sum: {}", *point.sum);
  if (point.min) line(out, "Min: {}", *point.min);
  if (point.max) line(out, "Max: {}", *point.max);
  for (std::size_t i = 0; i < point.explicit_bounds.size(); ++i) {
    line(out, "ExplicitBounds #{}: {}", i, point.explicit_bounds[i]);
  }
  for (std::size_t i = 0; i < point.bucket_counts.size(); ++i) {
    line(out, "Buckets #{}, Count: {}", i, point.bucket_counts[i]);
  }
  for (std::size_t i = 0; i < point.quantiles.size(); ++i) {
    line(out, "QuantileValue #{}: Quantile {}, Value {}", i, point.quantiles[i].quantile,
         point.quantiles[i].value);
  }
}

void point_block(std::string& out, const MetricView& metric, const DataPointView& point,
                 std::size_t index) {
  const bool is_number = metric.kind == MetricKind::kGauge || metric.kind == MetricKind::kSum;
  line(out, "{}DataPoints #{}", is_number ? "Number" : kind_name(metric.kind), index);
  attribute_block(out, "Data point attributes", point.attributes);
  line(out, "StartTimestamp: {}", point.start_ns);
  line(out, "Timestamp: {}", point.time_ns);
  if (is_number) {
    line(out, "Value: {}", value_line(metric, point));
  } else {
    distribution_block(out, point);
  }
  if (metric.kind == MetricKind::kExponentialHistogram) {
    line(out, "Scale: {}", point.scale);
    line(out, "ZeroCount: {}", point.zero_count);
    buckets_block(out, "Positive", point.positive);
    buckets_block(out, "Negative", point.negative);
  }
  std::size_t exemplars = 0;
  for (const otlp::ExemplarView exemplar : point.exemplars) {
    line(out, "Exemplar #{}: Timestamp {}, Value {}", exemplars++, exemplar.time_ns,
         exemplar.number.value());
  }
}

void metric_block(std::string& out, const MetricView& metric, std::size_t index) {
  line(out, "Metric #{}", index);
  line(out, "Descriptor:");
  line(out, "     -> Name: {}", metric.name);
  line(out, "     -> Description: {}", metric.description);
  line(out, "     -> Unit: {}", metric.unit);
  line(out, "     -> DataType: {}", kind_name(metric.kind));
  if (metric.kind == MetricKind::kSum) line(out, "     -> IsMonotonic: {}", metric.is_monotonic);
  if (metric.kind != MetricKind::kGauge && metric.kind != MetricKind::kSummary) {
    line(out, "     -> AggregationTemporality: {}", temporality_name(metric.temporality));
  }
  std::size_t points = 0;
  metric.for_each_point(
      [&](const DataPointView& point) { point_block(out, metric, point, points++); });
}

void scope_block(std::string& out, std::string_view scope_metrics, std::size_t index) {
  line(out, "ScopeMetrics #{}", index);
  for (const auto scope : Messages(scope_metrics, otlp::wire::scope_spans::kScope)) {
    std::string_view name;
    std::string_view version;
    for (const auto each : Messages(scope, otlp::wire::scope::kName)) name = each;
    for (const auto each : Messages(scope, otlp::wire::scope::kVersion)) version = each;
    line(out, "InstrumentationScope {} {}", name, version);
  }
  std::size_t metrics = 0;
  for (const auto metric : Messages(scope_metrics, otlp::wire::scope_metrics::kMetrics)) {
    metric_block(out, MetricView(metric), metrics++);
  }
}

}  // namespace

std::string debug_metric_lines(const otlp::Batch& batch) {
  std::string out;
  const otlp::Slice request = batch.joined();
  for (const auto resource : Messages(request.view(), otlp::wire::request::kResourceMetrics)) {
    for (const auto scope : Messages(resource, otlp::wire::resource_metrics::kScopeMetrics)) {
      for (const auto message : Messages(scope, otlp::wire::scope_metrics::kMetrics)) {
        const MetricView metric(message);
        metric.for_each_point([&](const DataPointView& point) {
          std::string attributes;
          for (const otlp::AttributeView attribute : point.attributes) {
            attributes += fmt::format("{}{}={}", attributes.empty() ? "" : ",", attribute.key,
                                      otlp::value_text(attribute.value()));
          }
          line(out, "{}{{{}}} {}", metric.name, attributes, value_line(metric, point));
        });
      }
    }
  }
  return out;
}

std::string debug_metric_blocks(const otlp::Batch& batch) {
  std::string out;
  std::size_t resources = 0;
  const otlp::Slice request = batch.joined();
  for (const auto resource_metrics :
       Messages(request.view(), otlp::wire::request::kResourceMetrics)) {
    line(out, "ResourceMetrics #{}", resources++);
    for (const auto resource :
         Messages(resource_metrics, otlp::wire::resource_metrics::kResource)) {
      attribute_block(out, "Resource attributes",
                      otlp::AttributeRange(resource, otlp::wire::resource::kAttributes));
    }
    std::size_t scopes = 0;
    for (const auto scope :
         Messages(resource_metrics, otlp::wire::resource_metrics::kScopeMetrics)) {
      scope_block(out, scope, scopes++);
    }
  }
  return out;
}

}  // namespace kernspan
