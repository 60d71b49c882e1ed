// The last value of every series, as Prometheus is to see it.
//
// Cumulative points replace the one before; monotonic delta sums and delta histograms are added up.
// Upstream's rules decide what cannot be shown.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/exporters/prometheus/prometheus_settings.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/metric_view.h"

namespace kernspan {

enum class SeriesType { kCounter, kGauge, kHistogram, kSummary };

struct Series {
  std::uint64_t start_ns = 0;
  std::uint64_t time_ns = 0;
  std::uint64_t updated_ns = 0;  // monotonic: when it came in
  double value = 0;              // counters and gauges
  std::uint64_t count = 0;       // histograms and summaries
  std::optional<double> sum = {};
  // Histograms: upper bounds and the counts of each bucket alone, the one without a bound last.
  std::vector<double> bounds = {};
  std::vector<std::uint64_t> bucket_counts = {};
  std::vector<otlp::QuantileView> quantiles = {};
};

struct SeriesFamily {
  SeriesType type = SeriesType::kGauge;
  std::string help;
  // By their labels as text: a="b",c="d"
  std::map<std::string, Series> series;
};

// What became of the points of a batch.
struct StoreOutcome {
  std::size_t stored = 0;
  std::size_t unsupported = 0;    // no temporality, a delta that cannot be added up, no such kind
  std::size_t out_of_order = 0;   // older than what is shown, or overlapping it
  std::size_t type_conflict = 0;  // the name is one of another type
  std::size_t too_many = 0;       // max_series
};

// One thread at a time.
class MetricStore {
 public:
  // Borrows the settings.
  explicit MetricStore(const PrometheusSettings& settings) : settings_(settings) {}

  StoreOutcome add(const otlp::Batch& batch, std::uint64_t monotonic_ns);

  // Forgets what has not been updated for metric_expiration.
  void expire(std::uint64_t monotonic_ns);

  const std::map<std::string, SeriesFamily>& families() const { return families_; }
  std::size_t series_count() const { return series_count_; }

 private:
  struct Origin;

  void add_metric(const otlp::MetricView& metric, const Origin& origin, StoreOutcome& outcome);
  void add_point(const otlp::MetricView& metric, const otlp::DataPointView& point,
                 const std::string& name, const Origin& origin, StoreOutcome& outcome);
  void put(const std::string& name, const otlp::MetricView& metric, const std::string& labels,
           Series next, bool is_delta, StoreOutcome& outcome);
  void remove(const std::string& name, const std::string& labels);
  void add_target_info(const Origin& origin);
  Series* find_or_make(const std::string& name, SeriesType type, std::string_view help,
                       const std::string& labels, StoreOutcome& outcome);

  const PrometheusSettings& settings_;
  std::map<std::string, SeriesFamily> families_;
  std::size_t series_count_ = 0;
};

}  // namespace kernspan
