#include "pipeline/otlp/json_writer.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "pipeline/base/ids.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

using ::testing::HasSubstr;

Batch batch_of(const ReferenceRequest& request) {
  auto batch = Batch::from_wire(request.SerializeAsString());
  EXPECT_TRUE(batch) << batch.error().message;
  return std::move(*batch);
}

std::string json_of(const ReferenceRequest& request, JsonOutcome* outcome = nullptr) {
  std::string text;
  const JsonOutcome result = append_json(batch_of(request), text);
  if (outcome != nullptr) *outcome = result;
  return text;
}

opentelemetry::proto::trace::v1::Span& first_span(ReferenceRequest& request) {
  return *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
}

TEST(JsonWriter, GoldenLine) {
  auto request = reference_request(1);
  auto& span = first_span(request);
  span.set_parent_span_id(std::string("\x01\x02\x03\x04\x05\x06\x07\x08", 8));
  span.set_trace_state("a=b");
  span.set_flags(0x101);
  span.mutable_status()->set_code(opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
  span.mutable_status()->set_message("500 \"oops\"\n");
  const auto add = [&](const char* key) {
    auto& attribute = *span.add_attributes();
    attribute.set_key(key);
    return attribute.mutable_value();
  };
  add("s")->set_string_value("tab\t\x01 \xE2\x82\xAC");
  add("i")->set_int_value(std::numeric_limits<std::int64_t>::min());
  add("d")->set_double_value(0.5);
  add("n")->set_double_value(std::nan(""));
  add("b")->set_bool_value(false);
  add("y")->set_bytes_value("ab");
  auto& list = *add("l")->mutable_array_value();
  list.add_values()->set_int_value(1);
  auto& pair = *list.add_values()->mutable_kvlist_value()->add_values();
  pair.set_key("k");
  pair.mutable_value()->set_string_value("v");
  add("e");
  auto& event = *span.add_events();
  event.set_time_unix_nano(7);
  event.set_name("exception");
  auto& link = *span.add_links();
  link.set_trace_id(std::string(16, '\x22'));
  link.set_span_id(std::string(8, '\x33'));

  EXPECT_EQ(
      json_of(request),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name",)"
      R"("value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"reference"},"spans":[)"
      R"({"traceId":"00000000111111111111111111111111","spanId":"0000000011111111",)"
      R"("traceState":"a=b","parentSpanId":"0102030405060708","flags":257,"name":"GET /cart",)"
      R"("kind":2,"startTimeUnixNano":"1700000000000000000",)"
      R"("endTimeUnixNano":"1700000000001000000","attributes":[)"
      R"({"key":"s","value":{"stringValue":"tab\t\u0001 )"
      "\xE2\x82\xAC"
      R"("}},{"key":"i","value":{"intValue":"-9223372036854775808"}},)"
      R"({"key":"d","value":{"doubleValue":0.5}},{"key":"n","value":{"doubleValue":"NaN"}},)"
      R"({"key":"b","value":{"boolValue":false}},{"key":"y","value":{"bytesValue":"YWI="}},)"
      R"({"key":"l","value":{"arrayValue":{"values":[{"intValue":"1"},)"
      R"({"kvlistValue":{"values":[{"key":"k","value":{"stringValue":"v"}}]}}]}}},)"
      R"({"key":"e","value":{}}],"events":[{"timeUnixNano":"7","name":"exception"}],)"
      R"("links":[{"traceId":"22222222222222222222222222222222","spanId":"3333333333333333"}],)"
      R"("status":{"message":"500 \"oops\"\n","code":2}}]}]}]})");
}

TEST(JsonWriter, AnEmptyBatchIsAnEmptyList) {
  std::string text;
  append_json(Batch(), text);
  EXPECT_EQ(text, R"({"resourceSpans":[]})");
}

TEST(JsonWriter, SlicesBecomeOneObject) {
  Batch batch = batch_of(reference_request(2, "a"));
  batch.append(batch_of(reference_request(3, "b")));
  std::string text;
  EXPECT_EQ(append_json(batch, text).items, 5U);
  const auto json = nlohmann::json::parse(text);
  ASSERT_EQ(json["resourceSpans"].size(), 2U);
  EXPECT_EQ(json["resourceSpans"][1]["scopeSpans"][0]["spans"].size(), 3U);
}

// Protobuf's own JSON differs from OTLP's in ids (base64) and enumerations (names), which this
// request leaves out; everything else must agree.
TEST(JsonWriter, AgreesWithProtobufsJson) {
  auto request = reference_request(2);
  request.mutable_resource_spans(0)->set_schema_url("https://example.org/schema");
  auto& scope_spans = *request.mutable_resource_spans(0)->mutable_scope_spans(0);
  scope_spans.set_schema_url("https://example.org/scope");
  scope_spans.mutable_scope()->set_version("2");
  scope_spans.mutable_scope()->set_dropped_attributes_count(4);
  request.mutable_resource_spans(0)->mutable_resource()->set_dropped_attributes_count(3);
  for (auto& span : *scope_spans.mutable_spans()) {
    span.clear_trace_id();
    span.clear_span_id();
    span.clear_kind();
    span.set_dropped_attributes_count(1);
    span.set_dropped_events_count(2);
    span.set_dropped_links_count(3);
    auto& event = *span.add_events();
    event.set_time_unix_nano(12345678901234567890ULL);
    event.set_dropped_attributes_count(9);
    auto& attribute = *event.add_attributes();
    attribute.set_key("x");
    attribute.mutable_value()->set_bytes_value(std::string("\0\xFF\x10\x20", 4));
  }
  std::string reference;
  ASSERT_TRUE(google::protobuf::util::MessageToJsonString(request, &reference).ok());
  auto actual = nlohmann::json::parse(json_of(request));
  for (auto& span : actual["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
    span.erase("traceId");
    span.erase("spanId");
  }
  EXPECT_EQ(actual, nlohmann::json::parse(reference));
}

// from_wire() lets no such span pass; the writer does not rely on it.
TEST(JsonWriter, LeavesOutAMalformedSpanAndCountsIt) {
  std::string bytes = reference_bytes(3);
  // The name of the middle span turns into an `attributes` field: "GET /cart" is no KeyValue.
  std::size_t at = 0;
  for (int i = 0; i < 2; ++i) at = bytes.find("\x2A\x09GET /cart", at + 1);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = '\x4A';
  const Batch batch = Batch::from_encoder(bytes, 3);

  std::string text;
  const JsonOutcome outcome = append_json(batch, text);
  EXPECT_EQ(outcome.items, 2U);
  EXPECT_EQ(outcome.malformed_items, 1U);
  EXPECT_EQ(nlohmann::json::parse(text)["resourceSpans"][0]["scopeSpans"][0]["spans"].size(), 2U);
}

TEST(JsonWriter, ALinkWithAnIdOfAWrongLengthIsMalformed) {
  auto request = reference_request(2);
  first_span(request).add_links()->set_trace_id("short");
  std::string text;
  const JsonOutcome outcome =
      append_json(Batch::from_encoder(request.SerializeAsString(), 2), text);
  EXPECT_EQ(outcome.items, 1U);
  EXPECT_EQ(outcome.malformed_items, 1U);
}

TEST(JsonWriter, AMalformedResourceIsWrittenEmptyAndCounted) {
  // resource_spans { resource { attributes: "zz" } scope_spans { spans {} } }
  const std::string bytes("\x0A\x0C\x0A\x04\x0A\x02zz\x12\x02\x12\x00\x1A\x00", 14);
  std::string text;
  const JsonOutcome outcome = append_json(Batch::from_encoder(bytes, 1), text);
  EXPECT_EQ(outcome.malformed_parts, 1U);
  EXPECT_EQ(outcome.items, 1U);
  EXPECT_THAT(text, HasSubstr(R"("resource":{},)"));
}

TEST(JsonWriter, BoundsTheNestingOfValues) {
  auto request = reference_request(1);
  auto& attribute = *first_span(request).add_attributes();
  auto* value = attribute.mutable_value();
  for (int i = 0; i < 33; ++i) value = value->mutable_array_value()->add_values();
  JsonOutcome outcome;
  json_of(request, &outcome);
  EXPECT_EQ(outcome.malformed_items, 1U);
}

TEST(JsonWriter, ReproducesTheProtocolsExample) {
  const auto path =
      std::filesystem::path(KERNSPAN_SOURCE_DIR) / "../shared/vectors/otlp/trace.json";
  std::ifstream file(path);
  if (!file) GTEST_SKIP() << "the OTLP example is not there: shared/vectors/otlp/trace.json";
  auto expected = nlohmann::json::parse(file);
  ReferenceRequest request;
  auto& resource_spans = *request.add_resource_spans();
  auto& service = *resource_spans.mutable_resource()->add_attributes();
  service.set_key("service.name");
  service.mutable_value()->set_string_value("my.service");
  auto& scope_spans = *resource_spans.add_scope_spans();
  scope_spans.mutable_scope()->set_name("my.library");
  scope_spans.mutable_scope()->set_version("1.0.0");
  auto& scope_attribute = *scope_spans.mutable_scope()->add_attributes();
  scope_attribute.set_key("my.scope.attribute");
  scope_attribute.mutable_value()->set_string_value("some scope attribute");
  auto& span = *scope_spans.add_spans();
  span.set_trace_id(std::string(TraceId::from_hex("5B8EFFF798038103D269B633813FC60C")->view()));
  span.set_span_id(std::string(SpanId::from_hex("EEE19B7EC3C1B174")->view()));
  span.set_parent_span_id(std::string(SpanId::from_hex("EEE19B7EC3C1B173")->view()));
  span.set_name("I'm a server span");
  span.set_start_time_unix_nano(1544712660000000000);
  span.set_end_time_unix_nano(1544712661000000000);
  span.set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
  auto& attribute = *span.add_attributes();
  attribute.set_key("my.span.attr");
  attribute.mutable_value()->set_string_value("some value");

  // The example writes ids in upper case; both cases are valid.
  for (const char* id : {"traceId", "spanId", "parentSpanId"}) {
    auto& text =
        expected["resourceSpans"][0]["scopeSpans"][0]["spans"][0][id].get_ref<std::string&>();
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  EXPECT_EQ(nlohmann::json::parse(json_of(request)), expected);
}

}  // namespace
}  // namespace kernspan::otlp
