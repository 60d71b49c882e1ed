// A daemon's own metrics: counters, gauges and histograms that components own and add to without
// locks, and families whose values are read when somebody asks (kernel counters, the ledger).
//
// Names are those of the OpenTelemetry Collector. Counters have no "_total" suffix unless
// the configuration asks for it: the collector's default reader sets without_type_suffix, so that
// its documented names (otelcol_receiver_accepted_spans) are the exposed ones.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan {

using MetricLabels = std::map<std::string, std::string>;

// Only goes up. Any thread.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down. Any thread.
class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// The distribution of a size. Any thread.
class Histogram {
 public:
  // Upper bounds of the buckets, ascending; one without a bound is added behind them.
  explicit Histogram(std::span<const double> bounds);

  void observe(double value);

  struct Value {
    std::vector<double> bounds;
    std::vector<std::uint64_t> counts;  // one more than bounds; of each bucket alone
    double sum = 0;

    std::uint64_t count() const;
  };
  // While others observe, the sum may be ahead of the counts.
  Value value() const;

 private:
  const std::vector<double> bounds_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

// The collector's buckets for the numbers of items in a batch or request, and for its bytes.
std::span<const double> item_count_bounds();
std::span<const double> byte_count_bounds();

// Whether counters are exposed under their plain names or with "_total" behind them.
enum class CounterNames { kPlain, kTotalSuffix };

enum class MetricType { kCounter, kGauge, kHistogram };

struct MetricSample {
  MetricLabels labels;
  double value = 0;                 // of a histogram: how many were observed
  Histogram::Value histogram = {};  // of a histogram only
};

struct MetricFamily {
  std::string name;
  std::string help;
  MetricType type = MetricType::kCounter;
  std::vector<MetricSample> samples;
};

// The registry. Any thread may call any member; only the creation of a metric takes a lock.
class Metrics {
 public:
  using Collector = std::function<void(std::vector<MetricFamily>&)>;

  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // The metric of that name and these labels, made on first use; the reference lives as long as the
  // registry. Label values come from the configuration or from a fixed set, never from traffic.
  Counter& counter(std::string_view name, std::string_view help, MetricLabels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, MetricLabels labels = {});

  // All histograms of one name have the bounds of the first.
  Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                       MetricLabels labels = {});

  // A registered collector, removed again when this goes out of scope: what the function borrows
  // must outlive this object, and this object must not outlive the registry.
  class Registration {
   public:
    Registration() = default;
    Registration(Metrics& metrics, std::uint64_t id) : metrics_(&metrics), id_(id) {}
    Registration(Registration&& other) noexcept;
    Registration& operator=(Registration&& other) noexcept;
    ~Registration();

   private:
    Metrics* metrics_ = nullptr;
    std::uint64_t id_ = 0;
  };

  // Calls `collector` at each snapshot, from the thread that asks for it; it appends families.
  [[nodiscard]] Registration add_collector(Collector collector);

  // All families by name, with the samples of equal names joined.
  std::vector<MetricFamily> snapshot() const;

  // One value, for tests and summaries; nothing when there is no such metric.
  std::optional<double> value(std::string_view name, const MetricLabels& labels = {}) const;

  // Prometheus text exposition format 0.0.4.
  std::string text(CounterNames names = CounterNames::kPlain) const;

 private:
  template <typename Metric>
  struct Family {
    std::string help;
    std::map<MetricLabels, Metric> metrics;  // a node-based map: addresses are stable
  };

  void remove_collector(std::uint64_t id);

  mutable std::mutex mutex_;
  std::map<std::string, Family<Counter>, std::less<>> counters_;
  std::map<std::string, Family<Gauge>, std::less<>> gauges_;
  std::map<std::string, Family<Histogram>, std::less<>> histograms_;
  // Held while collectors run, so that a removed one is no longer running.
  mutable std::mutex collectors_mutex_;
  std::map<std::uint64_t, Collector> collectors_;
  std::uint64_t next_collector_id_ = 1;
};

}  // namespace kernspan
