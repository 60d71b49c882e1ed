#include "pipeline/exporters/debug/debug_exporter.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
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
  for (const char* key : {"sampling_initial", "sampling_thereafter"}) {
    reader.ignored(key, "every batch is written");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<DebugExporter>(context, verbosity,
                                         use_internal_logger ? write_to_log : write_to_stdout);
}

}  // namespace

DebugExporter::DebugExporter(const ComponentContext& context, DebugVerbosity verbosity, Sink sink)
    : verbosity_(verbosity),
      sink_(std::move(sink)),
      books_(context.books),
      sent_spans_(context.metrics.counter("otelcol_exporter_sent_spans", "Spans written.",
                                          {{"exporter", context.id}})),
      unreadable_spans_(context.metrics.counter(
          "kernspan_exporter_malformed_spans",
          "Spans that could not be shown: an attribute, event or link in them is malformed.",
          {{"exporter", context.id}})) {}

Status DebugExporter::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  sink_(fmt::format("Traces  {{\"requests\": {}, \"spans\": {}, \"bytes\": {}}}",
                    batch.slices().size(), spans, batch.byte_count()));
  if (verbosity_ != DebugVerbosity::kBasic) {
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
  books_.take(spans);
  books_.pass_on(spans);
  sent_spans_.add(spans);
  return {};
}

ExporterFactory debug_exporter_factory() {
  return {.type = "debug", .create = create};
}

}  // namespace kernspan
