#include "pipeline/processors/span_dedup/span_dedup_processor.h"

#include <memory>
#include <utility>
#include <vector>

#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  constexpr std::size_t kDefaultMaxSpans = 1'000'000;
  constexpr std::size_t kMaxSpans = 100'000'000;
  SeenSpans::Settings settings{.max_spans = kDefaultMaxSpans};
  std::chrono::nanoseconds window = std::chrono::seconds(10);
  ConfigReader reader(node, context.warnings, context.path);
  reader.duration("wait_duration", &window, std::chrono::milliseconds(1), std::chrono::hours(24));
  reader.integer<std::size_t>("max_spans", &settings.max_spans, 2, kMaxSpans);
  reader.boolean("include_kind", &settings.by_kind);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  settings.window_ns = static_cast<std::uint64_t>(window.count());
  return std::make_unique<SpanDedupProcessor>(context, settings, next);
}

MetricFamily gauge(const char* name, const char* help, const MetricLabels& labels,
                   std::size_t value) {
  return {.name = name,
          .help = help,
          .type = MetricType::kGauge,
          .samples = {{.labels = labels, .value = static_cast<double>(value)}}};
}

}  // namespace

SpanDedupProcessor::SpanDedupProcessor(const ComponentContext& context,
                                       const SeenSpans::Settings& settings, Consumer& next)
    : seen_(settings, KeyedIdHash::random()),
      next_(next),
      clock_(context.clock),
      books_(context.books),
      duplicates_(books_.dropped("duplicate")),
      gauges_(context.metrics.add_collector([this, max = settings.max_spans,
                                             labels = MetricLabels{{"processor", context.id},
                                                                   {"pipeline", context.pipeline}}](
                                                std::vector<MetricFamily>& families) {
        families.push_back(gauge("kernspan_processor_span_dedup_remembered_spans",
                                 "Spans whose duplicates would be known.", labels, seen_.size()));
        families.push_back(
            gauge("kernspan_processor_span_dedup_spans_limit", "max_spans.", labels, max));
      })) {}

// A batch that the next component refuses comes again: its spans have not gone by.
Status SpanDedupProcessor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  SeenSpans::Filtered filtered = seen_.filter(std::move(batch), clock_.monotonic_ns());
  if (!filtered.batch.empty()) {
    if (Status taken = next_.consume(std::move(filtered.batch)); !taken) {
      seen_.forget(filtered.fresh);
      books_.refuse(spans);
      return taken;
    }
  }
  books_.take(spans);
  books_.pass_on(spans - filtered.duplicates);
  duplicates_.add(filtered.duplicates);
  return {};
}

ProcessorFactory span_dedup_processor_factory() {
  return {.type = "span_dedup", .create = create};
}

}  // namespace kernspan
