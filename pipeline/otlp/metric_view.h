// Metrics and their data points as values that borrow the bytes of a batch: for exporters that look
// at every number. Given bytes that are not well-formed a view ends where they stop making sense.
// Spec: opentelemetry/proto/metrics/v1/metrics.proto, version 1.5.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/otlp/attribute_view.h"

namespace kernspan::otlp {

enum class MetricKind : std::uint8_t {
  kNone = 0,
  kGauge = wire::metric::kGauge,
  kSum = wire::metric::kSum,
  kHistogram = wire::metric::kHistogram,
  kExponentialHistogram = wire::metric::kExponentialHistogram,
  kSummary = wire::metric::kSummary,
};

enum class Temporality : std::uint8_t { kUnspecified = 0, kDelta = 1, kCumulative = 2 };

// A number of a data point or an exemplar.
struct NumberView {
  bool is_present = false;
  bool is_int = false;
  std::int64_t as_int = 0;
  double as_double = 0;

  double value() const { return is_int ? static_cast<double>(as_int) : as_double; }
};

struct ExemplarView {
  explicit ExemplarView(std::string_view exemplar);

  std::uint64_t time_ns = 0;
  NumberView number;
  std::string_view span_id;
  std::string_view trace_id;
  AttributeRange filtered_attributes;
};

// Buckets of an exponential histogram: the counts of the indexes from `offset` on.
struct BucketsView {
  std::int32_t offset = 0;
  std::vector<std::uint64_t> counts;
};

struct QuantileView {
  double quantile = 0;
  double value = 0;
};

// Of any kind; what the kind does not have stays empty.
struct DataPointView {
  DataPointView(MetricKind kind, std::string_view point);

  bool no_recorded_value() const { return (flags & 1) != 0; }

  std::uint64_t start_ns = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t flags = 0;
  AttributeRange attributes;
  FieldRange<ExemplarView> exemplars;
  NumberView number;  // gauges and sums

  std::uint64_t count = 0;  // histograms and summaries
  std::optional<double> sum;
  std::optional<double> min;
  std::optional<double> max;
  std::vector<std::uint64_t> bucket_counts;
  std::vector<double> explicit_bounds;

  std::int32_t scale = 0;  // exponential histograms
  std::uint64_t zero_count = 0;
  double zero_threshold = 0;
  std::optional<BucketsView> positive;
  std::optional<BucketsView> negative;

  std::vector<QuantileView> quantiles;  // summaries
};

struct MetricView {
  explicit MetricView(std::string_view metric);

  // Each data point, decoded, in order.
  void for_each_point(const std::function<void(const DataPointView&)>& on_point) const;

  std::string_view name;
  std::string_view description;
  std::string_view unit;
  AttributeRange metadata;
  MetricKind kind = MetricKind::kNone;
  Temporality temporality = Temporality::kUnspecified;  // sums and histograms
  bool is_monotonic = false;                            // sums

 private:
  std::string_view wire_;
};

}  // namespace kernspan::otlp
