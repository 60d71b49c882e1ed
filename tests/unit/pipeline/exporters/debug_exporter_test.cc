#include "pipeline/exporters/debug/debug_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "pipeline/otlp/span_encoder.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/otlp/reference_metrics.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

struct DebugStage {
  explicit DebugStage(DebugVerbosity verbosity)
      : exporter(context(), verbosity, [this](std::string_view block) {
          text += block;
          text += '\n';
        }) {}

  ComponentContext context() {
    stage.signals = kTracesAndMetrics;
    return stage.context();
  }

  ComponentStage stage{"debug"};
  std::string text;
  DebugExporter exporter;
};

otlp::Batch sample() {
  static constexpr otlp::Attribute kResource[] = {{"service.name", "shop"}};
  static constexpr otlp::Attribute kAttributes[] = {{"http.request.method", "GET"},
                                                    {"http.response.status_code", 200L}};
  otlp::SpanData span;
  span.trace_id = *TraceId::from_hex("0af7651916cd43dd8448eb211c80319c");
  span.span_id = *SpanId::from_hex("b7ad6b7169203331");
  span.name = "GET /cart";
  span.kind = otlp::SpanKind::kServer;
  span.start_time_unix_ns = 1'000'000;
  span.end_time_unix_ns = 3'500'000;
  span.attributes = kAttributes;
  otlp::RequestEncoder encoder("kernspan", "1");
  encoder.begin_resource(otlp::encode_resource(kResource));
  encoder.add_span(span);
  return encoder.take();
}

TEST(DebugExporter, BasicIsOneLinePerBatch) {
  DebugStage debug(DebugVerbosity::kBasic);
  const otlp::Batch batch = sample();
  EXPECT_TRUE(debug.exporter.consume(batch.clone()));
  EXPECT_EQ(debug.text, "Traces  {\"requests\": 1, \"spans\": 1, \"bytes\": " +
                            std::to_string(batch.byte_count()) + "}\n");
  EXPECT_EQ(debug.stage.books.balance().passed_on, 1U);
}

TEST(DebugExporter, NormalIsOneLinePerSpan) {
  DebugStage debug(DebugVerbosity::kNormal);
  EXPECT_TRUE(debug.exporter.consume(sample()));
  EXPECT_THAT(debug.text,
              HasSubstr("\nshop Server GET /cart trace=0af7651916cd43dd8448eb211c80319c "
                        "id=b7ad6b7169203331 parent=- duration=2.500ms status=Unset "
                        "http.request.method=GET http.response.status_code=200\n"));
}

TEST(DebugExporter, DetailedIsEverything) {
  DebugStage debug(DebugVerbosity::kDetailed);
  EXPECT_TRUE(debug.exporter.consume(sample()));
  EXPECT_THAT(debug.text, HasSubstr("ResourceSpans #0\nResource attributes:\n     -> service.name: "
                                    "Str(shop)\nInstrumentationScope kernspan 1\nSpan #0\n"
                                    "    Trace ID       : 0af7651916cd43dd8448eb211c80319c\n"));
  EXPECT_THAT(debug.text, HasSubstr("     -> http.response.status_code: Int(200)"));
}

TEST(DebugExporter, SaysHowManySpansItCannotShow) {
  DebugStage debug(DebugVerbosity::kNormal);
  std::string bytes = otlp::reference_bytes(2);
  // The name of the first span turns into an `attributes` field that is no KeyValue.
  bytes[bytes.find("\x2A\x09GET /cart")] = '\x4A';
  EXPECT_TRUE(debug.exporter.consume(otlp::Batch::from_encoder(bytes, 2)));
  EXPECT_THAT(debug.text, HasSubstr("1 of these spans cannot be shown: they are malformed"));
  EXPECT_EQ(debug.stage.metric("kernspan_exporter_malformed_spans", {{"exporter", "debug"}}), 1);
}

otlp::Batch metrics() {
  return *otlp::Batch::from_wire(otlp::reference_metrics().SerializeAsString(),
                                 otlp::Signal::kMetrics);
}

TEST(DebugExporter, MetricsInAllThreeWays) {
  DebugStage basic(DebugVerbosity::kBasic);
  EXPECT_TRUE(basic.exporter.consume(metrics()));
  EXPECT_THAT(basic.text, HasSubstr("Metrics  {\"requests\": 1, \"data points\": 5, "));
  EXPECT_EQ(basic.stage.metric("otelcol_exporter_sent_metric_points", {{"exporter", "debug"}}), 5);

  DebugStage normal(DebugVerbosity::kNormal);
  EXPECT_TRUE(normal.exporter.consume(metrics()));
  EXPECT_THAT(normal.text, HasSubstr("\nbytes.sent{http.route=/cart} 42\n"));
  EXPECT_THAT(normal.text, HasSubstr("\nhttp.server.duration{http.route=/cart} count=6 sum=12.5 "
                                     "min=0.1 max=9 le0.5=1 le5=2 rest=3\n"));

  DebugStage detailed(DebugVerbosity::kDetailed);
  EXPECT_TRUE(detailed.exporter.consume(metrics()));
  EXPECT_THAT(detailed.text, HasSubstr("ResourceMetrics #0\nResource attributes:\n     -> "
                                       "service.name: Str(shop)\nScopeMetrics #0\n"));
  EXPECT_THAT(detailed.text, HasSubstr("     -> DataType: Sum\n     -> IsMonotonic: true\n     -> "
                                       "AggregationTemporality: Cumulative\n"));
  EXPECT_THAT(detailed.text, HasSubstr("Negative bucket 1, Count: 3"));
}

TEST(DebugExporter, SamplingLeavesOutBatchesOfOneSecond) {
  FakeClock clock;
  ComponentStage stage("debug", &clock);
  int written = 0;
  DebugExporter exporter(stage.context(), DebugVerbosity::kBasic,
                         [&](std::string_view) { ++written; }, {.initial = 2, .thereafter = 3});
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(exporter.consume(sample()));
  EXPECT_EQ(written, 4) << "the first two, then the third and the sixth of the others";
  clock.advance(std::chrono::seconds(1));
  EXPECT_TRUE(exporter.consume(sample()));
  EXPECT_EQ(written, 5);
  EXPECT_EQ(stage.books.balance().passed_on, 9U);
}

TEST(DebugExporterSettings, ReadsVerbosity) {
  ComponentStage stage("debug");
  const auto create = [&](const std::string& yaml) {
    const auto made = debug_exporter_factory().create(ComponentStage::yaml(yaml), stage.context());
    return made ? "accepted" : made.error().message;
  };
  EXPECT_EQ(create(""), "accepted");
  EXPECT_EQ(create("verbosity: detailed"), "accepted");
  EXPECT_THAT(create("verbosity: loud"), HasSubstr("test.yaml:1:12"));
}

}  // namespace
}  // namespace kernspan
