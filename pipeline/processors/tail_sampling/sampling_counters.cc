#include "pipeline/processors/tail_sampling/sampling_counters.h"

#include <fmt/format.h>

#include <array>
#include <string>

namespace kernspan::sampling {
namespace {

constexpr std::array kMilliseconds = {
    1.0,   2.0,   5.0,    10.0,   25.0,   50.0,   75.0,   100.0,   150.0,   200.0,   300.0,  400.0,
    500.0, 750.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 10000.0, 20000.0, 30000.0, 50000.0};
constexpr std::array kSeconds = {0.0,  1.0,  2.0,   5.0,   10.0,  15.0,   30.0,  45.0,
                                 60.0, 90.0, 120.0, 300.0, 600.0, 1800.0, 3600.0};
constexpr std::array kDelaySeconds = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                      0.2,   0.5,   1.0,   2.0,  5.0,  10.0, 30.0};

class Namer {
 public:
  explicit Namer(const ComponentContext& context)
      : metrics_(context.metrics),
        labels_{{"processor", context.id}, {"pipeline", context.pipeline}} {}

  Counter& upstream(const char* name, const char* help, const MetricLabels& more = {}) const {
    return metrics_.counter(full("otelcol", name), help, with(more));
  }
  Counter& own(const char* name, const char* help, const MetricLabels& more = {}) const {
    return metrics_.counter(full("kernspan", name), help, with(more));
  }
  Gauge& gauge(const char* prefix, const char* name, const char* help) const {
    return metrics_.gauge(full(prefix, name), help, labels_);
  }
  Histogram& histogram(const char* prefix, const char* name, const char* help,
                       std::span<const double> bounds) const {
    return metrics_.histogram(full(prefix, name), help, bounds, labels_);
  }

  Counter& global(const char* decision) const {
    const bool sampled = std::string_view(decision) == "sampled";
    return upstream("global_count_traces_sampled", "Traces by what was decided of them.",
                    {{"sampled", sampled ? "true" : "false"}, {"decision", decision}});
  }
  Counter& cached(const char* sampled) const {
    return upstream("early_releases_from_cache_decision",
                    "Spans of which a decision cache knew what to do.", {{"sampled", sampled}});
  }
  Counter& early(const char* reason) const {
    return own("early_decisions", "Traces decided before they were due, by what made it necessary.",
               {{"reason", reason}});
  }

 private:
  static std::string full(const char* prefix, const char* name) {
    return fmt::format("{}_processor_tail_sampling_{}", prefix, name);
  }
  MetricLabels with(MetricLabels more) const {
    more.insert(labels_.begin(), labels_.end());
    return more;
  }

  Metrics& metrics_;
  const MetricLabels labels_;
};

}  // namespace

SamplingCounters::SamplingCounters(const ComponentContext& context)
    : new_traces(Namer(context).upstream("new_trace_id_received", "New traces.")),
      traces_sampled(Namer(context).global("sampled")),
      traces_not_sampled(Namer(context).global("not_sampled")),
      traces_dropped(Namer(context).global("dropped")),
      cached_sampled_spans(Namer(context).cached("true")),
      cached_not_sampled_spans(Namer(context).cached("false")),
      dropped_too_early(Namer(context).upstream(
          "sampling_trace_dropped_too_early",
          "Traces dropped before they were decided, to make room for new ones.")),
      dropped_too_large(Namer(context).upstream("traces_dropped_too_large",
                                                "Traces dropped because they became too large.")),
      decision_latency_us(Namer(context).histogram(
          "otelcol", "sampling_decision_latency", "Microseconds that the policies took, per trace.",
          kMilliseconds)),
      round_latency_ms(Namer(context).histogram("otelcol", "sampling_decision_timer_latency",
                                                "Milliseconds of each round of decisions.",
                                                kMilliseconds)),
      late_span_age_s(Namer(context).histogram(
          "otelcol", "sampling_late_span_age",
          "Seconds from the decision on a trace to the arrival of a late span of it.", kSeconds)),
      removal_age_s(Namer(context).histogram(
          "otelcol", "sampling_trace_removal_age",
          "Seconds from the arrival of a trace until it is forgotten.", kSeconds)),
      traces_in_memory(Namer(context).gauge("otelcol", "sampling_traces_on_memory",
                                            "Traces in memory, decided or not.")),
      decision_delay_s(Namer(context).histogram(
          "kernspan", "decision_delay_seconds",
          "Seconds from the moment a decision was due to the moment it was made.", kDelaySeconds)),
      early_for_memory(Namer(context).early("memory")),
      early_for_giant(Namer(context).early("giant_trace")),
      early_for_traces(Namer(context).early("num_traces")),
      late_spans(Namer(context).own("late_spans",
                                    "Spans whose trace, still in memory, had been decided.")),
      offers_refused(Namer(context).own(
          "offers_refused", "Times that the next component refused kept spans, which stayed.")),
      pending_traces(Namer(context).gauge("kernspan", "pending_traces",
                                          "Traces that wait for their decision.")),
      held_spans(Namer(context).gauge("kernspan", "held_spans",
                                      "Spans of traces that wait for their decision.")),
      cached_decisions(
          Namer(context).gauge("kernspan", "cached_decisions", "Ids in the decision caches.")),
      held_bytes(Namer(context).gauge(
          "kernspan", "held_bytes",
          "Bytes held: what was received and is needed, its indexes, and what waits to go on.")),
      books(context.books),
      not_sampled(books.dropped("not_sampled")),
      dropped_by_policy(books.dropped("dropped_by_policy")),
      trace_too_large(books.dropped("trace_too_large")),
      too_early(books.dropped("dropped_too_early")),
      pending_at_shutdown(books.dropped("pending_at_shutdown")),
      permanent_error(books.dropped("permanent_error")),
      shutdown(books.dropped("shutdown")) {}

void SamplingCounters::publish_limits(const ComponentContext& context,
                                      const TailSamplingSettings& settings,
                                      std::uint64_t held_bytes_limit) const {
  const Namer namer(context);
  const auto set = [&](const char* name, const char* help, std::uint64_t value) {
    namer.gauge("kernspan", name, help).set(static_cast<double>(value));
  };
  set("traces_limit", "num_traces: how many traces are kept in memory.", settings.num_traces);
  set("held_bytes_limit", "How many bytes may be held.", held_bytes_limit);
  set("cached_decisions_limit", "How many ids the decision caches keep.",
      settings.sampled_cache_size + settings.non_sampled_cache_size);
}

}  // namespace kernspan::sampling
