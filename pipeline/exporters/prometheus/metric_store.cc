#include "pipeline/exporters/prometheus/metric_store.h"

#include <algorithm>
#include <cmath>

#include "pipeline/exporters/prometheus/prometheus_names.h"
#include "pipeline/exporters/prometheus/series_labels.h"
#include "pipeline/otlp/value_text.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan {

// Where points come from.
struct MetricStore::Origin {
  otlp::AttributeRange resource;
  std::string scope_name = {};
  std::string scope_version = {};
  otlp::AttributeRange scope_attributes = {};
  std::string scope_schema_url = {};
  std::uint64_t now_ns = 0;
};

namespace {

using otlp::DataPointView;
using otlp::MetricKind;
using otlp::MetricView;
using otlp::Temporality;
using Messages = otlp::FieldRange<std::string_view>;

SeriesType type_of(const MetricView& metric) {
  switch (metric.kind) {
    case MetricKind::kSum:
      return metric.is_monotonic ? SeriesType::kCounter : SeriesType::kGauge;
    case MetricKind::kHistogram:
    case MetricKind::kExponentialHistogram:
      return SeriesType::kHistogram;
    case MetricKind::kSummary:
      return SeriesType::kSummary;
    case MetricKind::kGauge:
    case MetricKind::kNone:
      break;
  }
  return SeriesType::kGauge;
}

// As upstream: no temporality cannot be shown; a delta can where it can be added up.
bool is_supported(const MetricView& metric) {
  switch (metric.kind) {
    case MetricKind::kNone:
      return false;
    case MetricKind::kGauge:
    case MetricKind::kSummary:
      return true;
    case MetricKind::kSum:
      return metric.temporality == Temporality::kCumulative ||
             (metric.temporality == Temporality::kDelta && metric.is_monotonic);
    case MetricKind::kHistogram:
      return metric.temporality != Temporality::kUnspecified;
    case MetricKind::kExponentialHistogram:
      break;
  }
  return metric.temporality == Temporality::kCumulative;
}

// Bounds must ascend and each needs its count; what does not fit is left out, the total stays.
void set_explicit_buckets(const DataPointView& point, Series* series) {
  const std::size_t bounds = point.explicit_bounds.size();
  const bool fits = point.bucket_counts.size() == bounds + 1 &&
                    std::ranges::is_sorted(point.explicit_bounds, std::less_equal<>{});
  if (fits) {
    series->bounds = point.explicit_bounds;
    series->bucket_counts = point.bucket_counts;
  } else {
    series->bucket_counts = {point.count};
  }
}

// The buckets of an exponential histogram as explicit ones, between its smallest and largest value.
// The text format has no other form for them.
void set_exponential_buckets(const DataPointView& point, Series* series) {
  const double base = std::exp2(std::exp2(-point.scale));
  const auto bound_of = [&](std::int64_t index) {
    return std::pow(base, static_cast<double>(index));
  };
  const auto add = [&](double bound, std::uint64_t count) {
    const bool ascends = series->bounds.empty() || bound > series->bounds.back();
    if (!std::isfinite(bound) || !ascends) {  // too fine, or too far, for a double
      if (!series->bucket_counts.empty()) series->bucket_counts.back() += count;
      return;
    }
    series->bounds.push_back(bound);
    series->bucket_counts.push_back(count);
  };
  if (point.negative) {
    const auto& [offset, counts] = *point.negative;
    for (std::size_t i = counts.size(); i-- > 0;) {
      add(-bound_of(offset + static_cast<std::int64_t>(i)), counts[i]);
    }
  }
  add(point.zero_threshold, point.zero_count);
  if (point.positive) {
    const auto& [offset, counts] = *point.positive;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      add(bound_of(offset + static_cast<std::int64_t>(i) + 1), counts[i]);
    }
  }
  series->bucket_counts.push_back(0);
}

Series series_of(const MetricView& metric, const DataPointView& point, std::uint64_t now_ns) {
  Series series{.start_ns = point.start_ns,
                .time_ns = point.time_ns,
                .updated_ns = now_ns,
                .value = point.number.value(),
                .count = point.count,
                .sum = point.sum};
  if (metric.kind == MetricKind::kHistogram) set_explicit_buckets(point, &series);
  if (metric.kind == MetricKind::kExponentialHistogram) set_exponential_buckets(point, &series);
  if (metric.kind == MetricKind::kSummary) series.quantiles = point.quantiles;
  return series;
}

void add_up(const Series& before, Series* next) {
  next->start_ns = before.start_ns;
  next->value += before.value;
  next->count += before.count;
  if (next->sum && before.sum) *next->sum += *before.sum;
  if (next->bounds == before.bounds && next->bucket_counts.size() == before.bucket_counts.size()) {
    for (std::size_t i = 0; i < next->bucket_counts.size(); ++i) {
      next->bucket_counts[i] += before.bucket_counts[i];
    }
  } else if (!next->bucket_counts.empty()) {  // other buckets than before: only the total is known
    next->bounds.clear();
    next->bucket_counts = {next->count};
  }
}

std::string job_of(const otlp::AttributeRange& resource) {
  const std::string service = value_text(find_attribute(resource, "service.name"));
  const std::string name_space = value_text(find_attribute(resource, "service.namespace"));
  return service.empty() || name_space.empty() ? service : name_space + "/" + service;
}

void set_target(const otlp::AttributeRange& resource, SeriesLabels* labels) {
  labels->set("job", job_of(resource));
  labels->set("instance", value_text(find_attribute(resource, "service.instance.id")));
}

}  // namespace

StoreOutcome MetricStore::add(const otlp::Batch& batch, std::uint64_t monotonic_ns) {
  StoreOutcome outcome;
  const otlp::Slice request = batch.joined();
  for (const auto resource_metrics :
       Messages(request.view(), otlp::wire::request::kResourceMetrics)) {
    Origin origin{.resource = {}, .now_ns = monotonic_ns};
    for (const auto resource :
         Messages(resource_metrics, otlp::wire::resource_metrics::kResource)) {
      origin.resource = {resource, otlp::wire::resource::kAttributes};
    }
    add_target_info(origin);
    for (const auto scope_metrics :
         Messages(resource_metrics, otlp::wire::resource_metrics::kScopeMetrics)) {
      for (const auto scope : Messages(scope_metrics, otlp::wire::scope_spans::kScope)) {
        for (const auto name : Messages(scope, otlp::wire::scope::kName)) origin.scope_name = name;
        for (const auto version : Messages(scope, otlp::wire::scope::kVersion)) {
          origin.scope_version = version;
        }
        origin.scope_attributes = {scope, otlp::wire::scope::kAttributes};
      }
      for (const auto url : Messages(scope_metrics, otlp::wire::scope_spans::kSchemaUrl)) {
        origin.scope_schema_url = url;
      }
      for (const auto metric : Messages(scope_metrics, otlp::wire::scope_metrics::kMetrics)) {
        add_metric(MetricView(metric), origin, outcome);
      }
      origin.scope_name.clear();
      origin.scope_version.clear();
      origin.scope_schema_url.clear();
      origin.scope_attributes = {};
    }
  }
  return outcome;
}

void MetricStore::add_metric(const MetricView& metric, const Origin& origin,
                             StoreOutcome& outcome) {
  const std::string name = metric_name(metric, settings_.name_space, settings_.add_suffixes);
  metric.for_each_point([&](const DataPointView& point) {
    if (is_supported(metric)) {
      add_point(metric, point, name, origin, outcome);
    } else {
      ++outcome.unsupported;
    }
  });
}

void MetricStore::add_point(const MetricView& metric, const DataPointView& point,
                            const std::string& name, const Origin& origin, StoreOutcome& outcome) {
  SeriesLabels labels;
  labels.add(point.attributes);
  if (settings_.resource_attributes_as_labels) labels.add(origin.resource);
  labels.add(origin.scope_attributes, "otel_scope_");
  labels.set("otel_scope_name", origin.scope_name);
  labels.set("otel_scope_version", origin.scope_version);
  labels.set("otel_scope_schema_url", origin.scope_schema_url);
  set_target(origin.resource, &labels);
  for (const auto& [label, value] : settings_.const_labels) labels.set(label, value);
  const std::string text = labels.text();
  if (point.no_recorded_value()) {
    remove(name, text);
    ++outcome.stored;
    return;
  }
  put(name, metric, text, series_of(metric, point, origin.now_ns),
      metric.temporality == Temporality::kDelta, outcome);
}

Series* MetricStore::find_or_make(const std::string& name, SeriesType type, std::string_view help,
                                  const std::string& labels, StoreOutcome& outcome) {
  const auto family = families_.find(name);
  if (family != families_.end() && family->second.type != type) {
    ++outcome.type_conflict;
    return nullptr;
  }
  if (family != families_.end()) {
    const auto found = family->second.series.find(labels);
    if (found != family->second.series.end()) return &found->second;
  }
  if (series_count_ >= settings_.max_series) {
    ++outcome.too_many;
    return nullptr;
  }
  SeriesFamily& in =
      families_.try_emplace(name, SeriesFamily{type, std::string(help), {}}).first->second;
  ++series_count_;
  return &in.series[labels];
}

void MetricStore::put(const std::string& name, const MetricView& metric, const std::string& labels,
                      Series next, bool is_delta, StoreOutcome& outcome) {
  Series* series = find_or_make(name, type_of(metric), metric.description, labels, outcome);
  if (series == nullptr) return;
  const bool is_first = series->updated_ns == 0;
  if (!is_first && next.time_ns < series->time_ns) {
    ++outcome.out_of_order;
    return;
  }
  if (!is_first && is_delta) {
    const bool follows = next.start_ns == series->time_ns;
    // One that overlaps would be counted twice; one behind a gap begins anew.
    if (!follows && metric.kind == MetricKind::kHistogram && next.start_ns < series->time_ns) {
      ++outcome.out_of_order;
      return;
    }
    if (follows) add_up(*series, &next);
  }
  *series = std::move(next);
  ++outcome.stored;
}

void MetricStore::remove(const std::string& name, const std::string& labels) {
  const auto family = families_.find(name);
  if (family == families_.end()) return;
  series_count_ -= family->second.series.erase(labels);
  if (family->second.series.empty()) families_.erase(family);
}

// The resource's attributes, once per resource, to be joined to its series by job and instance.
void MetricStore::add_target_info(const Origin& origin) {
  SeriesLabels target;
  set_target(origin.resource, &target);
  if (target.empty()) return;
  SeriesLabels labels;
  labels.add(origin.resource);
  set_target(origin.resource, &labels);
  for (const auto& [label, value] : settings_.const_labels) labels.set(label, value);
  StoreOutcome ignored;  // no point of anybody's
  Series* series =
      find_or_make("target_info", SeriesType::kGauge, "Target metadata", labels.text(), ignored);
  if (series == nullptr) return;
  *series = {.updated_ns = origin.now_ns, .value = 1};
}

void MetricStore::expire(std::uint64_t monotonic_ns) {
  const auto age_ns = static_cast<std::uint64_t>(settings_.metric_expiration.count());
  for (auto family = families_.begin(); family != families_.end();) {
    series_count_ -= std::erase_if(family->second.series, [&](const auto& each) {
      return each.second.updated_ns + age_ns <= monotonic_ns;
    });
    family = family->second.series.empty() ? families_.erase(family) : std::next(family);
  }
}

}  // namespace kernspan
