#include "pipeline/exporters/debug/debug_exporter.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/exporters/debug/debug_metrics_text.h"
#include "pipeline/exporters/debug/debug_text.h"
#include "pipeline/otlp/json_reader.h"
#include "pipeline/otlp/json_writer.h"

namespace kernspan {
namespace {

// Through JSON: this exporter is for looking at spans, not for speed, and the JSON writer is what
// knows which spans are not well-formed.
Result<std::vector<otlp::SpanRecord>> records_of(const otlp::Batch& batch,
                                                 otlp::JsonOutcome* outcome) {
  std::string json;
  *outcome = otlp::append_json(batch, json);
  return otlp::parse_json_spans(json);
}

void write_to_log(std::string_view text) {
  write_log(LogLevel::kInfo, text);
}

void write_to_stdout(std::string_view text) {
  std::fprintf(stdout, "%.*s\n", static_cast<int>(text.size()), text.data());
  std::fflush(stdout);
}

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  DebugVerbosity verbosity = DebugVerbosity::kBasic;
  bool use_internal_logger = true;
  ConfigReader reader(node, context.warnings, context.path);
  reader.choice("verbosity", &verbosity,
                {{"basic", DebugVerbosity::kBasic},
                 {"normal", DebugVerbosity::kNormal},
                 {"detailed", DebugVerbosity::kDetailed}});
  reader.boolean("use_internal_logger", &use_internal_logger);
  DebugSampling sampling;
  reader.integer<std::uint32_t>("sampling_initial", &sampling.initial);
  reader.integer<std::uint32_t>("sampling_thereafter", &sampling.thereafter);
  if (reader.has("output_paths")) {
    reader.error("output_paths",
                 "is not supported: use_internal_logger: false writes to the standard output");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<DebugExporter>(
      context, verbosity, use_internal_logger ? write_to_log : write_to_stdout, sampling);
}

}  // namespace

DebugExporter::DebugExporter(const ComponentContext& context, DebugVerbosity verbosity, Sink sink,
                             DebugSampling sampling)
    : verbosity_(verbosity),
      sampling_(sampling),
      clock_(context.clock),
      sink_(std::move(sink)),
      books_(context.books),
      unreadable_spans_(context.metrics.counter(
          "kernspan_exporter_malformed_spans",
          "Spans that could not be shown: an attribute, event or link in them is malformed.",
          {{"exporter", context.id}})) {
  const auto sent = [&](otlp::Signal signal) -> Counter* {
    if (!context.signals.contains(signal)) return nullptr;
    return &context.metrics.counter(fmt::format("otelcol_exporter_sent_{}", items_of(signal)),
                                    "Items written, or left out by sampling.",
                                    {{"exporter", context.id}});
  };
  sent_spans_ = sent(otlp::Signal::kTraces);
  sent_points_ = sent(otlp::Signal::kMetrics);
}

bool DebugExporter::is_sampled() {
  const std::uint64_t second = clock_.monotonic_ns() / 1'000'000'000;
  const std::scoped_lock lock(mutex_);
  if (second != second_) {
    second_ = second;
    batches_ = 0;
  }
  const std::uint64_t index = batches_++;
  if (index < sampling_.initial) return true;
  return sampling_.thereafter != 0 && (index - sampling_.initial + 1) % sampling_.thereafter == 0;
}

void DebugExporter::write_traces(const otlp::Batch& batch) {
  const std::size_t spans = batch.item_count();
  sink_(fmt::format("Traces  {{\"requests\": {}, \"spans\": {}, \"bytes\": {}}}",
                    batch.slices().size(), spans, batch.byte_count()));
  if (verbosity_ == DebugVerbosity::kBasic) return;
  otlp::JsonOutcome outcome;
  const auto records = records_of(batch, &outcome);
  if (records && !records->empty()) {
    sink_(verbosity_ == DebugVerbosity::kNormal ? debug_lines(*records) : debug_blocks(*records));
  }
  const std::size_t shown = records ? records->size() : 0;
  if (shown < spans) {
    unreadable_spans_.add(spans - shown);
    sink_(fmt::format("{} of these spans cannot be shown: {}", spans - shown,
                      records ? "they are malformed" : records.error().message));
  }
}

void DebugExporter::write_metrics(const otlp::Batch& batch) {
  sink_(fmt::format("Metrics  {{\"requests\": {}, \"data points\": {}, \"bytes\": {}}}",
                    batch.slices().size(), batch.item_count(), batch.byte_count()));
  if (verbosity_ == DebugVerbosity::kBasic) return;
  sink_(verbosity_ == DebugVerbosity::kNormal ? debug_metric_lines(batch)
                                              : debug_metric_blocks(batch));
}

Status DebugExporter::consume(otlp::Batch batch) {
  const bool is_traces = batch.signal() == otlp::Signal::kTraces;
  if (is_sampled()) is_traces ? write_traces(batch) : write_metrics(batch);
  books_.take(batch.item_count());
  books_.pass_on(batch.item_count());
  (is_traces ? sent_spans_ : sent_points_)->add(batch.item_count());
  return {};
}

ExporterFactory debug_exporter_factory() {
  return {.type = "debug", .signals = kTracesAndMetrics, .create = create};
}

}  // namespace kernspan
