#include "pipeline/exporters/prometheus/prometheus_text.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <string_view>

#include "pipeline/exporters/prometheus/series_labels.h"

namespace kernspan {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

std::string_view type_word(SeriesType type) {
  switch (type) {
    case SeriesType::kCounter:
      return "counter";
    case SeriesType::kHistogram:
      return "histogram";
    case SeriesType::kSummary:
      return "summary";
    case SeriesType::kGauge:
      break;
  }
  return "gauge";
}

class TextWriter {
 public:
  explicit TextWriter(const PrometheusTextSettings& settings) : settings_(settings) {}

  void family(const std::string& name, const SeriesFamily& family) {
    // OpenMetrics names a counter's family without the suffix of its samples.
    constexpr std::string_view kTotal = "_total";
    const bool is_counter = family.type == SeriesType::kCounter;
    std::string title = name;
    sample_name_ = name;
    if (settings_.open_metrics && is_counter) {
      if (title.ends_with(kTotal)) title.resize(title.size() - kTotal.size());
      sample_name_ = title + std::string(kTotal);
    }
    if (!family.help.empty()) line("# HELP {} {}", title, escaped_help(family.help));
    line("# TYPE {} {}", title, type_word(family.type));
    for (const auto& [labels, series] : family.series) write(family.type, labels, series);
  }

  std::string finish() {
    if (settings_.open_metrics) out_ += "# EOF\n";
    return std::move(out_);
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  // OpenMetrics escapes a quote as well; in 0.0.4 that would show the backslash.
  std::string escaped_help(const std::string& help) const {
    std::string escaped = escaped_label_value(help);
    if (settings_.open_metrics) return escaped;
    std::string plain;
    for (std::size_t i = 0; i < escaped.size(); ++i) {
      if (escaped[i] == '\\' && i + 1 < escaped.size() && escaped[i + 1] == '"') continue;
      plain += escaped[i];
      if (escaped[i] == '\\' && i + 1 < escaped.size()) plain += escaped[++i];
    }
    return plain;
  }

  void sample(std::string_view suffix, const std::string& labels, const std::string& more,
              const std::string& value, const Series& series) {
    out_ += sample_name_;
    out_ += suffix;
    if (!labels.empty() || !more.empty()) {
      const char* comma = labels.empty() || more.empty() ? "" : ",";
      fmt::format_to(std::back_inserter(out_), "{{{}{}{}}}", labels, comma, more);
    }
    out_ += ' ';
    out_ += value;
    if (settings_.send_timestamps && series.time_ns != 0) {
      constexpr std::uint64_t kMillisecond = 1'000'000;
      const std::uint64_t ms = series.time_ns / kMillisecond;
      out_ += settings_.open_metrics ? fmt::format(" {}.{:03}", ms / 1000, ms % 1000)
                                     : fmt::format(" {}", ms);
    }
    out_ += '\n';
  }

  void write(SeriesType type, const std::string& labels, const Series& series) {
    if (type == SeriesType::kCounter || type == SeriesType::kGauge) {
      sample("", labels, "", number(series.value), series);
      return;
    }
    if (type == SeriesType::kHistogram) {
      std::uint64_t cumulative = 0;
      for (std::size_t i = 0; i < series.bounds.size(); ++i) {
        cumulative += series.bucket_counts[i];
        sample("_bucket", labels, fmt::format("le=\"{}\"", number(series.bounds[i])),
               std::to_string(cumulative), series);
      }
      sample("_bucket", labels, "le=\"+Inf\"", std::to_string(series.count), series);
    }
    for (const otlp::QuantileView& quantile : series.quantiles) {
      sample("", labels, fmt::format("quantile=\"{}\"", number(quantile.quantile)),
             number(quantile.value), series);
    }
    if (series.sum) sample("_sum", labels, "", number(*series.sum), series);
    sample("_count", labels, "", std::to_string(series.count), series);
  }

  const PrometheusTextSettings& settings_;
  std::string sample_name_;
  std::string out_;
};

}  // namespace

std::string prometheus_text(const MetricStore& store, const PrometheusTextSettings& settings) {
  TextWriter writer(settings);
  for (const auto& [name, family] : store.families()) writer.family(name, family);
  return writer.finish();
}

}  // namespace kernspan
