#include "pipeline/otlp/json_metrics_writer.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pipeline/otlp/json_parts.h"
#include "pipeline/otlp/metric_view.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using namespace json_wire;
using protozero::pbf_reader;

class MetricsWriter : private JsonParts {
 public:
  MetricsWriter(std::string& out, JsonOutcome& outcome) : JsonParts(out), outcome_(outcome) {}

  void request(pbf_reader request) {
    bool first = true;
    while (request.next(wire::request::kResourceMetrics)) {
      separate(first);
      resource_metrics(message_of(request));
    }
  }

 private:
  void resource_metrics(pbf_reader message) {
    out_ += '{';
    bool first = true;
    key(first, "resource");
    or_empty(outcome_, [&] { resource(message); });
    key(first, "scopeMetrics");
    out_ += '[';
    bool first_scope = true;
    for (pbf_reader pass = message; pass.next(wire::resource_metrics::kScopeMetrics);) {
      separate(first_scope);
      scope_metrics(message_of(pass));
    }
    out_ += ']';
    schema_url(first, message, wire::resource_spans::kSchemaUrl, outcome_);
    out_ += '}';
  }

  void scope_metrics(pbf_reader message) {
    out_ += '{';
    bool first = true;
    key(first, "scope");
    or_empty(outcome_, [&] { scope(message); });
    key(first, "metrics");
    out_ += '[';
    bool first_metric = true;
    for (pbf_reader pass = message; pass.next(wire::scope_metrics::kMetrics);) {
      separate(first_metric);
      metric(MetricView(bytes_of(pass)));
    }
    out_ += ']';
    schema_url(first, message, wire::scope_spans::kSchemaUrl, outcome_);
    out_ += '}';
  }

  void metric(const MetricView& metric) {
    out_ += '{';
    bool first = true;
    string(first, "name", metric.name);
    optional_string(first, "description", metric.description);
    optional_string(first, "unit", metric.unit);
    attribute_list(first, "metadata", metric.metadata);
    if (metric.kind != MetricKind::kNone) {
      key(first, name_of(metric.kind));
      data(metric);
    }
    out_ += '}';
  }

  static std::string_view name_of(MetricKind kind) {
    switch (kind) {
      case MetricKind::kGauge:
        return "gauge";
      case MetricKind::kSum:
        return "sum";
      case MetricKind::kHistogram:
        return "histogram";
      case MetricKind::kExponentialHistogram:
        return "exponentialHistogram";
      case MetricKind::kSummary:
      case MetricKind::kNone:
        break;
    }
    return "summary";
  }

  void data(const MetricView& metric) {
    out_ += '{';
    bool first = true;
    key(first, "dataPoints");
    out_ += '[';
    bool first_point = true;
    metric.for_each_point(
        [&](const DataPointView& point) { data_point(first_point, metric, point); });
    out_ += ']';
    optional_enum(first, "aggregationTemporality", static_cast<std::uint64_t>(metric.temporality));
    if (metric.is_monotonic) {
      key(first, "isMonotonic");
      out_ += "true";
    }
    out_ += '}';
  }

  void data_point(bool& first_point, const MetricView& metric, const DataPointView& point) {
    const std::size_t before = out_.size();
    const bool was_first = first_point;
    try {
      separate(first_point);
      write_point(metric, point);
      ++outcome_.items;
    } catch (const protozero::exception&) {
      out_.resize(before);
      first_point = was_first;
      ++outcome_.malformed_items;
    }
  }

  void write_point(const MetricView& metric, const DataPointView& point) {
    out_ += '{';
    bool first = true;
    attribute_list(first, "attributes", point.attributes);
    if (point.start_ns != 0) quoted_number(first, "startTimeUnixNano", point.start_ns);
    quoted_number(first, "timeUnixNano", point.time_ns);
    if (metric.kind == MetricKind::kGauge || metric.kind == MetricKind::kSum) {
      number_of(first, point.number);
    } else {
      quoted_number(first, "count", point.count);
      optional_double(first, "sum", point.sum);
    }
    if (metric.kind == MetricKind::kHistogram) {
      counts(first, "bucketCounts", point.bucket_counts);
      bounds(first, point.explicit_bounds);
    }
    if (metric.kind == MetricKind::kExponentialHistogram) exponential(first, point);
    if (metric.kind == MetricKind::kSummary) quantiles(first, point.quantiles);
    exemplars(first, point.exemplars);
    optional_number(first, "flags", point.flags);
    optional_double(first, "min", point.min);
    optional_double(first, "max", point.max);
    out_ += '}';
  }

  void exponential(bool& first, const DataPointView& point) {
    key(first, "scale");
    number(point.scale);
    quoted_number(first, "zeroCount", point.zero_count);
    buckets(first, "positive", point.positive);
    buckets(first, "negative", point.negative);
    if (point.zero_threshold != 0) optional_double(first, "zeroThreshold", point.zero_threshold);
  }

  void buckets(bool& first, std::string_view name, const std::optional<BucketsView>& buckets) {
    if (!buckets) return;
    key(first, name);
    out_ += '{';
    bool first_member = true;
    if (buckets->offset != 0) {
      key(first_member, "offset");
      number(buckets->offset);
    }
    counts(first_member, "bucketCounts", buckets->counts);
    out_ += '}';
  }

  void counts(bool& first, std::string_view name, std::span<const std::uint64_t> counts) {
    if (counts.empty()) return;
    key(first, name);
    out_ += '[';
    bool first_item = true;
    for (const std::uint64_t count : counts) {
      separate(first_item);
      out_ += '"';
      out_ += std::to_string(count);
      out_ += '"';
    }
    out_ += ']';
  }

  void bounds(bool& first, std::span<const double> bounds) {
    if (bounds.empty()) return;
    key(first, "explicitBounds");
    out_ += '[';
    bool first_item = true;
    for (const double bound : bounds) {
      separate(first_item);
      floating(bound);
    }
    out_ += ']';
  }

  void quantiles(bool& first, std::span<const QuantileView> quantiles) {
    if (quantiles.empty()) return;
    key(first, "quantileValues");
    out_ += '[';
    bool first_item = true;
    for (const QuantileView& each : quantiles) {
      separate(first_item);
      out_ += '{';
      bool first_member = true;
      optional_double(first_member, "quantile", each.quantile);
      optional_double(first_member, "value", each.value);
      out_ += '}';
    }
    out_ += ']';
  }

  void exemplars(bool& first, const FieldRange<ExemplarView>& exemplars) {
    bool first_item = true;
    for (const ExemplarView exemplar : exemplars) {
      if (first_item) {
        key(first, "exemplars");
        out_ += '[';
      }
      separate(first_item);
      out_ += '{';
      bool first_member = true;
      attribute_list(first_member, "filteredAttributes", exemplar.filtered_attributes);
      quoted_number(first_member, "timeUnixNano", exemplar.time_ns);
      number_of(first_member, exemplar.number);
      if (!exemplar.span_id.empty()) hex(first_member, "spanId", exemplar.span_id);
      if (!exemplar.trace_id.empty()) hex(first_member, "traceId", exemplar.trace_id);
      out_ += '}';
    }
    if (!first_item) out_ += ']';
  }

  void number_of(bool& first, const NumberView& value) {
    if (!value.is_present) return;
    if (!value.is_int) {
      optional_double(first, "asDouble", value.as_double);
      return;
    }
    key(first, "asInt");
    out_ += '"';
    number(value.as_int);
    out_ += '"';
  }

  void optional_double(bool& first, std::string_view name, std::optional<double> value) {
    if (!value) return;
    key(first, name);
    floating(*value);
  }

  void attribute_list(bool& first, std::string_view name, const AttributeRange& range) {
    bool first_item = true;
    for (const AttributeView attribute : range) {
      if (first_item) {
        key(first, name);
        out_ += '[';
      }
      separate(first_item);
      out_ += '{';
      bool first_member = true;
      string(first_member, "key", attribute.key);
      if (attribute.value_wire.data() != nullptr) {
        key(first_member, "value");
        any_value(pbf_reader(attribute.value_wire.data(), attribute.value_wire.size()), 0);
      }
      out_ += '}';
    }
    if (!first_item) out_ += ']';
  }

  JsonOutcome& outcome_;
};

}  // namespace

void append_metrics_json(pbf_reader request, std::string& out, JsonOutcome& outcome) {
  MetricsWriter(out, outcome).request(request);
}

}  // namespace kernspan::otlp
