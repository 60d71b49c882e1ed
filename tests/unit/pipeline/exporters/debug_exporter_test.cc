#include "pipeline/exporters/debug/debug_exporter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "pipeline/otlp/span_encoder.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

struct DebugStage {
  explicit DebugStage(DebugVerbosity verbosity)
      : exporter(stage.context(), verbosity, [this](std::string_view block) {
          text += block;
          text += '\n';
        }) {}

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
  EXPECT_TRUE(debug.exporter.consume(*otlp::Batch::from_wire(bytes)));
  EXPECT_THAT(debug.text, HasSubstr("1 of these spans cannot be shown: they are malformed"));
  EXPECT_EQ(debug.stage.metric("kernspan_exporter_malformed_spans", {{"exporter", "debug"}}), 1);
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
