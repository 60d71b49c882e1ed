#include "pipeline/base/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <sstream>
#include <utility>

namespace kernspan {
namespace {

// Puts the samples of families of one name together: a name may appear only once in the text.
void add_family(std::map<std::string, MetricFamily>& by_name, MetricFamily family) {
  const auto [found, is_new] = by_name.try_emplace(family.name, std::move(family));
  if (is_new) return;
  for (MetricSample& sample : family.samples) found->second.samples.push_back(std::move(sample));
}

template <typename Metric>
MetricSample sample_of(const MetricLabels& labels, const Metric& metric) {
  return {.labels = labels, .value = static_cast<double>(metric.value())};
}

MetricSample sample_of(const MetricLabels& labels, const Histogram& metric) {
  Histogram::Value value = metric.value();
  const auto count = static_cast<double>(value.count());
  return {.labels = labels, .value = count, .histogram = std::move(value)};
}

prometheus::ClientMetric::Histogram exposed(const Histogram::Value& value) {
  prometheus::ClientMetric::Histogram out;
  out.sample_count = value.count();
  out.sample_sum = value.sum;
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < value.counts.size(); ++i) {
    cumulative += value.counts[i];
    const double bound =
        i < value.bounds.size() ? value.bounds[i] : std::numeric_limits<double>::infinity();
    out.bucket.push_back({cumulative, bound});
  }
  return out;
}

prometheus::MetricType exposed(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

template <typename Families>
void read_families(const Families& families, MetricType type,
                   std::map<std::string, MetricFamily>& by_name) {
  for (const auto& [name, family] : families) {
    MetricFamily read{.name = name, .help = family.help, .type = type, .samples = {}};
    for (const auto& [labels, metric] : family.metrics) {
      read.samples.push_back(sample_of(labels, metric));
    }
    add_family(by_name, std::move(read));
  }
}

template <typename Families, typename... Args>
auto& find_or_make(Families& families, std::string_view name, std::string_view help,
                   MetricLabels labels, const Args&... args) {
  auto family = families.find(name);
  if (family == families.end()) {
    family = families.try_emplace(std::string(name)).first;
    family->second.help = help;
  }
  return family->second.metrics.try_emplace(std::move(labels), args...).first->second;
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()), counts_(bounds.size() + 1) {}

void Histogram::observe(double value) {
  // The first bucket whose bound is not below the value.
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::uint64_t Histogram::Value::count() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

Histogram::Value Histogram::value() const {
  Value value{.bounds = bounds_, .counts = {}, .sum = sum_.load(std::memory_order_relaxed)};
  for (const auto& count : counts_) value.counts.push_back(count.load(std::memory_order_relaxed));
  return value;
}

std::span<const double> item_count_bounds() {
  static constexpr std::array<double, 22> kBounds = {
      10,   25,   50,   75,   100,  250,  500,   750,   1000,  2000,  3000,
      4000, 5000, 6000, 7000, 8000, 9000, 10000, 20000, 30000, 50000, 100000};
  return kBounds;
}

std::span<const double> byte_count_bounds() {
  static constexpr std::array<double, 39> kBounds = {
      10,      25,      50,      75,      100,     250,     500,     750,     1000,   2000,
      3000,    4000,    5000,    6000,    7000,    8000,    9000,    10000,   20000,  30000,
      50000,   100000,  200000,  300000,  400000,  500000,  600000,  700000,  800000, 900000,
      1000000, 2000000, 3000000, 4000000, 5000000, 6000000, 7000000, 8000000, 9000000};
  return kBounds;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  return find_or_make(counters_, name, help, std::move(labels));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  return find_or_make(gauges_, name, help, std::move(labels));
}

Histogram& Metrics::histogram(std::string_view name, std::string_view help,
                              std::span<const double> bounds, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  return find_or_make(histograms_, name, help, std::move(labels), bounds);
}

Metrics::Registration Metrics::add_collector(Collector collector) {
  const std::lock_guard lock(collectors_mutex_);
  const std::uint64_t id = next_collector_id_++;
  collectors_.emplace(id, std::move(collector));
  return {*this, id};
}

void Metrics::remove_collector(std::uint64_t id) {
  const std::lock_guard lock(collectors_mutex_);
  collectors_.erase(id);
}

Metrics::Registration::Registration(Registration&& other) noexcept
    : metrics_(std::exchange(other.metrics_, nullptr)), id_(other.id_) {}

Metrics::Registration& Metrics::Registration::operator=(Registration&& other) noexcept {
  std::swap(metrics_, other.metrics_);
  std::swap(id_, other.id_);
  return *this;
}

Metrics::Registration::~Registration() {
  if (metrics_ != nullptr) metrics_->remove_collector(id_);
}

std::vector<MetricFamily> Metrics::snapshot() const {
  std::map<std::string, MetricFamily> by_name;
  {
    const std::lock_guard lock(mutex_);
    read_families(counters_, MetricType::kCounter, by_name);
    read_families(gauges_, MetricType::kGauge, by_name);
    read_families(histograms_, MetricType::kHistogram, by_name);
  }
  std::vector<MetricFamily> collected;
  {
    const std::lock_guard lock(collectors_mutex_);
    for (const auto& [id, collector] : collectors_) collector(collected);
  }
  for (MetricFamily& family : collected) add_family(by_name, std::move(family));
  std::vector<MetricFamily> families;
  families.reserve(by_name.size());
  for (auto& [name, family] : by_name) families.push_back(std::move(family));
  return families;
}

std::optional<double> Metrics::value(std::string_view name, const MetricLabels& labels) const {
  for (const MetricFamily& family : snapshot()) {
    if (family.name != name) continue;
    for (const MetricSample& sample : family.samples) {
      if (sample.labels == labels) return sample.value;
    }
  }
  return std::nullopt;
}

std::string Metrics::text(CounterNames names) const {
  std::vector<prometheus::MetricFamily> families;
  for (const MetricFamily& family : snapshot()) {
    const bool is_counter = family.type == MetricType::kCounter;
    prometheus::MetricFamily out{
        .name = family.name, .help = family.help, .type = exposed(family.type), .metric = {}};
    for (const MetricSample& sample : family.samples) {
      prometheus::ClientMetric metric;
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      if (family.type == MetricType::kHistogram) {
        metric.histogram = exposed(sample.histogram);
      } else {
        (is_counter ? metric.counter.value : metric.gauge.value) = sample.value;
      }
      out.metric.push_back(std::move(metric));
    }
    if (is_counter && names == CounterNames::kTotalSuffix && !family.name.ends_with("_total")) {
      out.name += "_total";
    }
    families.push_back(std::move(out));
  }
  std::ostringstream text;
  prometheus::TextSerializer{}.Serialize(text, families);
  return std::move(text).str();
}

}  // namespace kernspan
