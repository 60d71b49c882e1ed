#include "pipeline/base/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

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

template <typename Families>
void read_families(const Families& families, MetricType type,
                   std::map<std::string, MetricFamily>& by_name) {
  for (const auto& [name, family] : families) {
    MetricFamily read{.name = name, .help = family.help, .type = type, .samples = {}};
    for (const auto& [labels, metric] : family.metrics) {
      read.samples.push_back({labels, static_cast<double>(metric.value())});
    }
    add_family(by_name, std::move(read));
  }
}

template <typename Families>
auto& find_or_make(Families& families, std::string_view name, std::string_view help,
                   MetricLabels labels) {
  auto family = families.find(name);
  if (family == families.end()) {
    family = families.try_emplace(std::string(name)).first;
    family->second.help = help;
  }
  return family->second.metrics.try_emplace(std::move(labels)).first->second;
}

}  // namespace

Counter& Metrics::counter(std::string_view name, std::string_view help, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  return find_or_make(counters_, name, help, std::move(labels));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, MetricLabels labels) {
  const std::lock_guard lock(mutex_);
  return find_or_make(gauges_, name, help, std::move(labels));
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
        .name = family.name,
        .help = family.help,
        .type = is_counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
        .metric = {}};
    for (const MetricSample& sample : family.samples) {
      prometheus::ClientMetric metric;
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      (is_counter ? metric.counter.value : metric.gauge.value) = sample.value;
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
