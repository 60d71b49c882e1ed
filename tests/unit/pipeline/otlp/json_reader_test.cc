#include "pipeline/otlp/json_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "pipeline/otlp/json_writer.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan::otlp {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(JsonReader, ReadsTheProtocolsExample) {
  const auto path =
      std::filesystem::path(KERNSPAN_SOURCE_DIR) / "../shared/vectors/otlp/trace.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "the OTLP example is not there: shared/vectors/otlp/trace.json";
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto spans = parse_json_spans(text);
  ASSERT_TRUE(spans) << spans.error().message;
  ASSERT_EQ(spans->size(), 1U);
  const SpanRecord& span = spans->front();
  EXPECT_EQ(span.resource->service_name(), "my.service");
  EXPECT_EQ(span.scope_name, "my.library");
  EXPECT_EQ(span.trace_id.hex(), "5b8efff798038103d269b633813fc60c");
  EXPECT_EQ(span.span_id.hex(), "eee19b7ec3c1b174");
  EXPECT_EQ(span.parent_span_id.hex(), "eee19b7ec3c1b173");
  EXPECT_EQ(span.kind, 2);
  EXPECT_EQ(span.start_time_unix_ns, 1544712660000000000U);
  EXPECT_EQ(span.attribute("my.span.attr"), "some value");
}

TEST(JsonReader, ReadsWhatTheWriterWrites) {
  const std::vector<Attribute> attributes = {
      {"s", "text"}, {"i", std::int64_t{-42}}, {"d", 1.5}, {"b", true}};
  SpanData data;
  data.trace_id = *TraceId::from_hex("0af7651916cd43dd8448eb211c80319c");
  data.span_id = *SpanId::from_hex("b7ad6b7169203331");
  data.name = "GET";
  data.kind = SpanKind::kClient;
  data.status_code = StatusCode::kError;
  data.status_message = "broken";
  data.end_time_unix_ns = 18'446'744'073'709'551'615U;
  data.attributes = attributes;
  RequestEncoder encoder("kernspan", "9");
  encoder.add_span(data);
  std::string text;
  append_json(encoder.take(), text);

  std::istringstream in(text + "\n\n" + text + "\n");
  const auto spans = read_json_lines(in);
  ASSERT_TRUE(spans) << spans.error().message;
  ASSERT_EQ(spans->size(), 2U);
  const SpanRecord& span = spans->back();
  EXPECT_EQ(span.trace_id, data.trace_id);
  EXPECT_FALSE(span.parent_span_id.is_valid());
  EXPECT_EQ(span.kind, 3);
  EXPECT_EQ(span.status_code, 2);
  EXPECT_EQ(span.status_message, "broken");
  EXPECT_EQ(span.end_time_unix_ns, data.end_time_unix_ns);
  EXPECT_EQ(span.scope_version, "9");
  const RecordAttributes expected = {
      {"s", "text"}, {"i", std::int64_t{-42}}, {"d", 1.5}, {"b", true}};
  EXPECT_EQ(span.attributes, expected);
  EXPECT_EQ(span.attribute("d"), "1.5");
  EXPECT_EQ(span.attribute("absent"), "");
}

TEST(JsonReader, IsTolerant) {
  const auto spans = parse_json_spans(
      R"({"new":1,"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_SERVER",)"
      R"("startTimeUnixNano":12,"future":{"a":[1]},"parentSpanId":"","status":{"code":"STATUS_CODE_OK"},)"
      R"("attributes":[{"key":"l","value":{"arrayValue":{"values":[{"intValue":1}]}}},)"
      R"({"key":"none"}]}]}]}]})");
  ASSERT_TRUE(spans) << spans.error().message;
  ASSERT_EQ(spans->size(), 1U);
  const SpanRecord& span = spans->front();
  EXPECT_EQ(span.kind, 2);
  EXPECT_EQ(span.status_code, 1);
  EXPECT_EQ(span.start_time_unix_ns, 12U);
  EXPECT_EQ(span.attribute("l"), R"([{"intValue":1}])");
  EXPECT_EQ(span.resource->service_name(), "");
}

TEST(JsonReader, SaysWhichLineIsWrong) {
  std::istringstream in("{\"resourceSpans\":[]}\n{\"resourceSp");
  const auto spans = read_json_lines(in);
  ASSERT_FALSE(spans);
  EXPECT_THAT(spans.error().message, StartsWith("line 2: not OTLP JSON: "));
}

TEST(JsonReader, SaysWhatIsWrong) {
  const auto problem = [](const std::string& span) {
    const auto spans =
        parse_json_spans(R"({"resourceSpans":[{"scopeSpans":[{"spans":[)" + span + "]}]}]}");
    return spans ? "accepted" : spans.error().message;
  };
  EXPECT_THAT(problem(R"({"traceId":"12"})"), HasSubstr("traceId is not 32 hex digits"));
  EXPECT_THAT(problem(R"({"startTimeUnixNano":"-1"})"),
              HasSubstr("startTimeUnixNano is not an integer in range"));
  EXPECT_THAT(problem(R"({"attributes":{}})"), HasSubstr("attributes is not an array"));
  EXPECT_THAT(problem(R"({"name":1})"), HasSubstr("name is not a string"));
  EXPECT_THAT(parse_json_spans("[]").error().message, HasSubstr("not a JSON object"));
}

TEST(JsonReader, BoundsTheNesting) {
  const std::string deep =
      R"({"resourceSpans":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const auto spans = parse_json_spans(deep);
  ASSERT_FALSE(spans);
  EXPECT_THAT(spans.error().message, HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace kernspan::otlp
