#include "pipeline/receivers/zipkin/zipkin_translator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using opentelemetry::proto::trace::v1::Span;
using otlp::ReferenceRequest;
using ::testing::HasSubstr;
using ::testing::Not;
using Texts = std::map<std::string, std::string>;

constexpr const char* kIds =
    R"("traceId":"5982fe77008310cc80f1da5e10147519","id":"bd7a977555f6b982")";

ReferenceRequest parsed(const Result<std::string>& encoded) {
  EXPECT_TRUE(encoded) << encoded.error().message;
  ReferenceRequest request;
  EXPECT_TRUE(encoded && request.ParseFromString(*encoded));
  return request;
}

ReferenceRequest v2(const std::string& spans, const ZipkinOptions& options = {}) {
  return parsed(translate_zipkin_v2("[" + spans + "]", options));
}

ReferenceRequest v1(const std::string& spans, const ZipkinOptions& options = {}) {
  return parsed(translate_zipkin_v1("[" + spans + "]", options));
}

std::string with_ids(const std::string& members) {
  return std::string("{") + kIds + (members.empty() ? "" : ",") + members + "}";
}

const Span& only_span(const ReferenceRequest& request) {
  EXPECT_EQ(request.resource_spans_size(), 1);
  EXPECT_EQ(request.resource_spans(0).scope_spans_size(), 1);
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 1);
  return request.resource_spans(0).scope_spans(0).spans(0);
}

// Strings as they are, other values with their type in front.
template <typename Attributes>
Texts texts(const Attributes& attributes) {
  Texts result;
  for (const auto& attribute : attributes) {
    const auto& value = attribute.value();
    result[attribute.key()] = value.has_string_value() ? value.string_value()
                              : value.has_int_value()  ? "int " + std::to_string(value.int_value())
                              : value.has_bool_value()
                                  ? std::string("bool ") + (value.bool_value() ? "true" : "false")
                                  : "double " + std::to_string(value.double_value());
  }
  EXPECT_EQ(result.size(), static_cast<std::size_t>(attributes.size())) << "a key occurs twice";
  return result;
}

std::string v2_problem(const std::string& json) {
  const auto encoded = translate_zipkin_v2(json, {});
  EXPECT_FALSE(encoded) << json;
  return encoded ? "" : encoded.error().message;
}

TEST(ZipkinV2, ASpanOfTheSpecification) {
  const auto request =
      v2(R"({"traceId":"5982fe77008310cc80f1da5e10147519","parentId":"90394f6bcffb5d13",
      "id":"67fae42571535f60","kind":"SERVER","name":"/m/n/2.6.1","timestamp":1516781775726000,
      "duration":26000,"localEndpoint":{"serviceName":"api","ipv4":"10.1.2.3","port":80},
      "remoteEndpoint":{"serviceName":"apip","ipv6":"2001:db8::c001","port":6379},
      "annotations":[{"timestamp":1516781775726001,"value":"wire.recv"}],
      "tags":{"data.http_response_code":"201"},"shared":true})");
  EXPECT_EQ(texts(request.resource_spans(0).resource().attributes()),
            (Texts{{"service.name", "api"}}));
  const Span& span = only_span(request);
  EXPECT_EQ(span.trace_id().size(), 16U);
  EXPECT_EQ(span.trace_id()[0], '\x59');
  EXPECT_EQ(span.parent_span_id()[0], '\x90');
  EXPECT_EQ(span.kind(), Span::SPAN_KIND_SERVER);
  EXPECT_EQ(span.name(), "/m/n/2.6.1");
  EXPECT_EQ(span.start_time_unix_nano(), 1516781775726000000U);
  EXPECT_EQ(span.end_time_unix_nano(), 1516781775752000000U);
  ASSERT_EQ(span.events_size(), 1);
  EXPECT_EQ(span.events(0).name(), "wire.recv");
  EXPECT_EQ(span.events(0).time_unix_nano(), 1516781775726001000U);
  EXPECT_EQ(texts(span.attributes()), (Texts{{"data.http_response_code", "201"},
                                             {"net.host.ip", "10.1.2.3"},
                                             {"net.host.port", "int 80"},
                                             {"peer.service", "apip"},
                                             {"net.peer.ip", "2001:db8::c001"},
                                             {"net.peer.port", "int 6379"}}));
}

TEST(ZipkinV2, ShortIdsGetZerosInFront) {
  const Span span = only_span(v2(R"({"traceId":"1","id":"2","parentId":"3"})"));
  EXPECT_EQ(span.trace_id(), std::string(15, '\0') + '\x01');
  EXPECT_EQ(span.span_id(), std::string(7, '\0') + '\x02');
  EXPECT_EQ(span.parent_span_id(), std::string(7, '\0') + '\x03');
}

TEST(ZipkinV2, KindsAndStatus) {
  EXPECT_EQ(only_span(v2(with_ids(R"("kind":"CLIENT")"))).kind(), Span::SPAN_KIND_CLIENT);
  EXPECT_EQ(only_span(v2(with_ids(R"("kind":"PRODUCER")"))).kind(), Span::SPAN_KIND_PRODUCER);
  EXPECT_EQ(only_span(v2(with_ids(R"("kind":"CONSUMER")"))).kind(), Span::SPAN_KIND_CONSUMER);
  const Span internal = only_span(v2(with_ids(R"("tags":{"span.kind":"internal"})")));
  EXPECT_EQ(internal.kind(), Span::SPAN_KIND_INTERNAL);
  const Span failed = only_span(v2(with_ids(R"("tags":{"error":"true"})")));
  EXPECT_EQ(failed.status().code(), 2);
  EXPECT_THAT(texts(failed.attributes()), Not(::testing::Contains(::testing::Key("error"))));
  // Its own word on what went wrong is not lost.
  const Span said = only_span(v2(with_ids(R"("tags":{"error":"no route"})")));
  EXPECT_EQ(texts(said.attributes()).at("error"), "no route");
  const Span otel = only_span(v2(with_ids(
      R"("tags":{"otel.status_code":"STATUS_CODE_ERROR","otel.status_description":"bad"})")));
  EXPECT_EQ(otel.status().code(), 2);
  EXPECT_EQ(otel.status().message(), "bad");
}

TEST(ZipkinV2, TagsAreStringsUnlessTheyAreToBeParsed) {
  const std::string span = with_ids(
      R"("timestamp":1,"tags":{"i":"-12","d":"1.5","b":"true","s":"1.2.3","big":"99999999999999999999","e":""})");
  EXPECT_EQ(texts(only_span(v2(span)).attributes()), (Texts{{"i", "-12"},
                                                            {"d", "1.5"},
                                                            {"b", "true"},
                                                            {"s", "1.2.3"},
                                                            {"big", "99999999999999999999"},
                                                            {"e", ""}}));
  EXPECT_EQ(texts(only_span(v2(span, {.parse_string_tags = true})).attributes()),
            (Texts{{"i", "int -12"},
                   {"d", "double 1.500000"},
                   {"b", "bool true"},
                   {"s", "1.2.3"},
                   {"big", "99999999999999999999"},
                   {"e", ""}}));
}

TEST(ZipkinV2, ASpanWithoutATimestampSaysSo) {
  const Span span = only_span(v2(with_ids(R"("duration":5)")));
  EXPECT_EQ(span.start_time_unix_nano(), 0U);
  EXPECT_EQ(span.end_time_unix_nano(), 5000U);
  EXPECT_EQ(texts(span.attributes()), (Texts{{kZipkinStartAbsent, "bool true"}}));
}

TEST(ZipkinV2, SpansAreGroupedByWhatTheirServicesSayOfThemselves) {
  const std::string shop = R"("localEndpoint":{"serviceName":"shop"})";
  const auto request = v2(with_ids(shop + R"(,"tags":{"host.name":"a"})") + "," +
                          with_ids(R"("localEndpoint":{"serviceName":"cart"})") + "," +
                          with_ids(shop + R"(,"tags":{"host.name":"b"})") + "," +
                          with_ids(shop + R"(,"tags":{"host.name":"a"})") + "," + with_ids(""));
  ASSERT_EQ(request.resource_spans_size(), 4);
  EXPECT_EQ(texts(request.resource_spans(0).resource().attributes()),
            (Texts{{"service.name", "shop"}, {"host.name", "a"}}));
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 2);
  EXPECT_EQ(texts(request.resource_spans(2).resource().attributes()).at("host.name"), "b");
  EXPECT_EQ(request.resource_spans(3).resource().attributes_size(), 0);
}

TEST(ZipkinV2, UndoesWhatAnOtlpExporterDid) {
  const auto request = v2(with_ids(R"("timestamp":1,"localEndpoint":{"serviceName":"a"},"tags":{
      "otlp.service.name.source":"faas.name","otel.library.name":"lib","otel.library.version":"2",
      "w3c.tracestate":"k=v",
      "otlp.link.0":"000102030405060708090a0b0c0d0e0f|0102030405060708|s=t|{\"x\":1}|2"},
      "annotations":[{"timestamp":1,"value":"retry|{\"n\":2,\"ok\":true}|1"},
                     {"timestamp":2,"value":"a|b|c"}])"));
  EXPECT_EQ(texts(request.resource_spans(0).resource().attributes()), (Texts{{"faas.name", "a"}}));
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).scope().name(), "lib");
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).scope().version(), "2");
  const Span& span = only_span(request);
  EXPECT_EQ(span.trace_state(), "k=v");
  ASSERT_EQ(span.links_size(), 1);
  EXPECT_EQ(span.links(0).trace_id()[15], '\x0F');
  EXPECT_EQ(span.links(0).trace_state(), "s=t");
  EXPECT_EQ(span.links(0).dropped_attributes_count(), 2U);
  EXPECT_EQ(texts(span.links(0).attributes()), (Texts{{"x", "int 1"}}));
  ASSERT_EQ(span.events_size(), 2);
  EXPECT_EQ(span.events(0).name(), "retry");
  EXPECT_EQ(texts(span.events(0).attributes()), (Texts{{"n", "int 2"}, {"ok", "bool true"}}));
  EXPECT_EQ(span.events(1).name(), "a|b|c");
  EXPECT_EQ(span.attributes_size(), 0);
}

TEST(ZipkinV2, SaysWhatIsWrongAndInWhichSpan) {
  EXPECT_EQ(v2_problem("[" + with_ids("") + R"(,{"id":"1"}])"),
            "malformed Zipkin v2 JSON: span 1: traceId is missing, or zero");
  EXPECT_THAT(v2_problem(R"([{"traceId":"0","id":"1"}])"), HasSubstr("traceId is missing"));
  EXPECT_THAT(v2_problem(R"([{"traceId":"xyz","id":"1"}])"), HasSubstr("is not hex of up to 32"));
  EXPECT_THAT(v2_problem(R"([{"traceId":"1","id":"11111111111111111"}])"), HasSubstr("up to 16"));
  EXPECT_THAT(v2_problem("[" + with_ids(R"("name":5)") + "]"), HasSubstr("name is not a string"));
  EXPECT_THAT(v2_problem("[" + with_ids(R"("tags":{"a":1})") + "]"), HasSubstr("a tag's value"));
  EXPECT_THAT(v2_problem("[" + with_ids(R"("timestamp":-1)") + "]"), HasSubstr("timestamp"));
  EXPECT_THAT(v2_problem("[" + with_ids(R"("timestamp":1e300)") + "]"), HasSubstr("timestamp"));
  EXPECT_THAT(v2_problem("[" + with_ids(R"("localEndpoint":{"ipv4":"x"})") + "]"),
              HasSubstr("localEndpoint::ipv4 is no address"));
  EXPECT_THAT(v2_problem("[5]"), HasSubstr("span 0: not an object"));
  EXPECT_THAT(v2_problem("{}"), HasSubstr("not an array of spans"));
  EXPECT_THAT(v2_problem("5"), HasSubstr("not an array of spans"));
  EXPECT_THAT(v2_problem("[{secret"), ::testing::AllOf(HasSubstr("parse error at line 1, column 3"),
                                                       Not(HasSubstr("secret"))));
}

TEST(ZipkinV2, IsBoundedInDepthAndValues) {
  EXPECT_THAT(v2_problem(std::string(1'000'000, '[')), HasSubstr("nested more than 32 levels"));
  EXPECT_THAT(v2_problem("[" + with_ids("\"x\":" + std::string(10'000, '[')) + "]"),
              HasSubstr("nested more than 32 levels"));
  std::string many = "\"x\":[0";
  for (int i = 0; i < 70'000; ++i) many += ",0";
  EXPECT_THAT(v2_problem("[" + with_ids(many + "]") + "]"), HasSubstr("more than 65536 values"));
  EXPECT_EQ(v2("").resource_spans_size(), 0);
}

TEST(ZipkinV1, ASpanOfTheSpecification) {
  const auto request = v1(with_ids(R"("name":"get","parentId":"1","annotations":[
      {"timestamp":10,"value":"cs","endpoint":{"serviceName":"front","ipv4":"1.2.3.4","port":99}},
      {"timestamp":15,"value":"retry"},
      {"timestamp":20,"value":"cr","endpoint":{"serviceName":"front"}}],
      "binaryAnnotations":[{"key":"http.path","value":"/a"},
                           {"key":"sa","value":true,"endpoint":{"serviceName":"back"}},
                           {"key":"http.status_code","value":"503"}])"));
  EXPECT_EQ(texts(request.resource_spans(0).resource().attributes()),
            (Texts{{"service.name", "front"}, {"ipv4", "1.2.3.4"}, {"port", "99"}}));
  const Span& span = only_span(request);
  EXPECT_EQ(span.kind(), Span::SPAN_KIND_CLIENT);
  EXPECT_EQ(span.start_time_unix_nano(), 10'000U);
  EXPECT_EQ(span.end_time_unix_nano(), 20'000U);
  ASSERT_EQ(span.events_size(), 1);
  EXPECT_EQ(span.events(0).name(), "retry");
  EXPECT_EQ(span.status().code(), 2);
  EXPECT_EQ(texts(span.attributes()),
            (Texts{{"http.path", "/a"}, {"sa", "true"}, {"http.status_code", "503"}}));
}

TEST(ZipkinV1, TimesServicesAndStatusHaveFallbacks) {
  const auto local = v1(with_ids(
      R"("timestamp":7,"duration":2,"binaryAnnotations":[{"key":"lc","value":"worker"}])"));
  EXPECT_EQ(texts(local.resource_spans(0).resource().attributes()),
            (Texts{{"service.name", "worker"}}));
  EXPECT_EQ(texts(only_span(local).attributes()), (Texts{{"component", "worker"}}));
  EXPECT_EQ(only_span(local).end_time_unix_nano(), 9000U);

  const auto bare =
      v1(with_ids(R"("binaryAnnotations":[{"key":"error","value":"x"}])"), {.now_unix_ns = 5});
  EXPECT_EQ(texts(bare.resource_spans(0).resource().attributes()),
            (Texts{{"service.name", "unknown-service"}}));
  EXPECT_EQ(only_span(bare).start_time_unix_nano(), 5U);
  EXPECT_EQ(texts(only_span(bare).attributes()), (Texts{{kZipkinStartAbsent, "bool true"}}));
  EXPECT_EQ(only_span(bare).status().code(), 2);

  const auto census = v1(with_ids(R"("timestamp":1,"binaryAnnotations":[
      {"key":"census.status_code","value":"0"},{"key":"http.status_code","value":"500"}])"));
  EXPECT_EQ(only_span(census).status().code(), 1);
}

}  // namespace
}  // namespace kernspan
