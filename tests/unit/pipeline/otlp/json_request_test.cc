#include "pipeline/otlp/json_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <opentelemetry/proto/collector/metrics/v1/metrics_service.pb.h>

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "pipeline/otlp/json_values.h"
#include "pipeline/otlp/json_writer.h"
#include "tests/unit/pipeline/otlp/random_message.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

using MetricsRequest = opentelemetry::proto::collector::metrics::v1::ExportMetricsServiceRequest;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

ReferenceRequest traces(const std::string& json) {
  const auto encoded = encode_json_request(json, Signal::kTraces);
  EXPECT_TRUE(encoded) << encoded.error().message;
  ReferenceRequest request;
  EXPECT_TRUE(encoded && request.ParseFromString(*encoded));
  return request;
}

std::string problem(const std::string& json, Signal signal = Signal::kTraces) {
  const auto encoded = encode_json_request(json, signal);
  EXPECT_FALSE(encoded) << json;
  if (encoded) return "";
  EXPECT_EQ(encoded.error().kind, ErrorKind::kPermanent);
  return encoded.error().message;
}

std::string in_span(const std::string& fields) {
  return R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)" + fields + "}]}]}]}";
}

std::string in_value(const std::string& fields) {
  return in_span(R"("attributes":[{"key":"k","value":{)" + fields + "}}]");
}

opentelemetry::proto::trace::v1::Span span(const std::string& fields) {
  return traces(in_span(fields)).resource_spans(0).scope_spans(0).spans(0);
}

opentelemetry::proto::common::v1::AnyValue value(const std::string& fields) {
  return span(R"("attributes":[{"key":"k","value":{)" + fields + "}}]").attributes(0).value();
}

// What the generated classes say of a message is what they say of its JSON.
template <typename Request>
void check_random_messages(Signal signal) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    Request request;
    RandomMessage(seed).fill(request);
    const std::string json = otlp_json(request).dump();
    const auto encoded = encode_json_request(json, signal);
    ASSERT_TRUE(encoded) << "seed " << seed << ": " << encoded.error().message;
    Request read;
    ASSERT_TRUE(read.ParseFromString(*encoded)) << "seed " << seed;
    EXPECT_EQ(read.SerializeAsString(), request.SerializeAsString()) << "seed " << seed << "\n"
                                                                     << json << "\n"
                                                                     << read.ShortDebugString();
  }
}

TEST(JsonRequest, RandomTracesAreWhatTheGeneratedClassesSay) {
  check_random_messages<ReferenceRequest>(Signal::kTraces);
}

TEST(JsonRequest, RandomMetricsAreWhatTheGeneratedClassesSay) {
  check_random_messages<MetricsRequest>(Signal::kMetrics);
}

TEST(JsonRequest, ReadsWhatTheJsonWriterWrites) {
  const auto request = reference_request(20);
  auto batch = Batch::from_wire(request.SerializeAsString());
  std::string json;
  append_json(*batch, json);
  EXPECT_EQ(traces(json).SerializeAsString(), request.SerializeAsString());
}

// One form for what has several: quoted numbers, whole doubles, hex in upper case, zeros left out.
nlohmann::json normal(const nlohmann::json& json) {
  if (json.is_number()) return fmt::format("{}", json.get<double>());
  if (json.is_boolean()) return json;
  if (json.is_string()) {
    const std::string text = json;
    if (const auto number = number_of_text(text)) return fmt::format("{}", number->as_double());
    std::string lower = text;
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return lower;
  }
  nlohmann::json result;
  for (const auto& [key, item] : json.items()) {
    const nlohmann::json value = normal(item);
    if (json.is_array()) {
      result.push_back(value);
    } else if (value != "0") {
      result[key] = value;
    }
  }
  return result;
}

template <typename Request>
void check_example(const std::string& name, Signal signal) {
  std::ifstream file("/usr/share/doc/opentelemetry-proto/examples/" + name);
  if (!file) GTEST_SKIP() << "the protocol's example is not there: " << name;
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  const auto encoded = encode_json_request(json, signal);
  ASSERT_TRUE(encoded) << encoded.error().message;
  Request request;
  ASSERT_TRUE(request.ParseFromString(*encoded));
  EXPECT_EQ(normal(otlp_json(request)), normal(nlohmann::json::parse(json)));
}

TEST(JsonRequest, ReadsTheProtocolsExampleOfATrace) {
  check_example<ReferenceRequest>("trace.json", Signal::kTraces);
}

TEST(JsonRequest, ReadsTheProtocolsExampleOfMetrics) {
  check_example<MetricsRequest>("metrics.json", Signal::kMetrics);
}

TEST(JsonRequest, KeysMayComeInAnyOrderAndAsInTheProtoFiles) {
  const auto read = traces(
      R"({"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"000102030405060708090A0B0C0D0E0F",
          "start_time_unix_nano":"5"}]}],"resource":{"dropped_attributes_count":3}}]})");
  EXPECT_EQ(read.resource_spans(0).resource().dropped_attributes_count(), 3U);
  const auto& first = read.resource_spans(0).scope_spans(0).spans(0);
  EXPECT_EQ(first.trace_id()[15], '\x0F');
  EXPECT_EQ(first.start_time_unix_nano(), 5U);
}

TEST(JsonRequest, UnknownKeysAndNullsAreIgnored) {
  const auto read = span(
      R"("new":{"deep":[[1,{"spans":[{"name":"no"}]}],null]},"name":"yes","status":null,"events":null)");
  EXPECT_EQ(read.name(), "yes");
  EXPECT_FALSE(read.has_status());
  EXPECT_EQ(traces("{}").resource_spans_size(), 0);
  EXPECT_EQ(traces(R"({"resourceMetrics":[{"scopeMetrics":5}]})").resource_spans_size(), 0);
}

TEST(JsonRequest, NumbersMayBeStrings) {
  EXPECT_EQ(value(R"("intValue":"-9223372036854775808")").int_value(),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(value(R"("intValue":7)").int_value(), 7);
  EXPECT_EQ(value(R"("intValue":1e3)").int_value(), 1000);
  EXPECT_EQ(value(R"("doubleValue":"1.5")").double_value(), 1.5);
  EXPECT_EQ(value(R"("doubleValue":2)").double_value(), 2);
  EXPECT_TRUE(std::isnan(value(R"("doubleValue":"NaN")").double_value()));
  EXPECT_EQ(span(R"("endTimeUnixNano":18446744073709551615)").end_time_unix_nano(), ~0ULL);
  EXPECT_TRUE(value(R"("intValue":0)").has_int_value());
}

TEST(JsonRequest, EnumerationsMayBeNames) {
  EXPECT_EQ(span(R"("kind":3)").kind(), 3);
  EXPECT_EQ(span(R"("kind":"SPAN_KIND_CLIENT")").kind(), 3);
  EXPECT_EQ(span(R"("status":{"code":"STATUS_CODE_ERROR"})").status().code(), 2);
  EXPECT_EQ(span(R"("kind":-1)").kind(), -1);
}

TEST(JsonRequest, BytesAreBase64OfEitherAlphabet) {
  EXPECT_EQ(value(R"("bytesValue":"AP_-")").bytes_value(), std::string("\0\xFF\xFE", 3));
  EXPECT_EQ(value(R"("bytesValue":"AP/+AA==")").bytes_value(), std::string("\0\xFF\xFE\0", 4));
  EXPECT_EQ(value(R"("bytesValue":"AA")").bytes_value(), std::string(1, '\0'));
  EXPECT_THAT(problem(in_value(R"("bytesValue":"A")")), EndsWith("is not a string of base64"));
  EXPECT_THAT(problem(in_value(R"("bytesValue":"A=A=")")), EndsWith("is not a string of base64"));
}

TEST(JsonRequest, SaysWhereItIsWrong) {
  EXPECT_EQ(problem(R"({"resourceSpans":[{"scopeSpans":[{},{"spans":[{},{"traceId":"zz"}]}]}]})"),
            "malformed OTLP JSON: resourceSpans[0].scopeSpans[1].spans[1].traceId is not a string "
            "of 32 hex digits");
  EXPECT_THAT(problem(in_span(R"("spanId":"0011")")), EndsWith("is not a string of 16 hex digits"));
  EXPECT_THAT(problem(in_span(R"("name":5)")), EndsWith("spans[0].name is not a string"));
  EXPECT_THAT(problem(in_span(R"("attributes":{})")), EndsWith("attributes is not an array"));
  EXPECT_THAT(problem(in_span(R"("attributes":[[]])")), EndsWith("attributes[0] is not an object"));
  EXPECT_THAT(problem(in_span(R"("attributes":[null])")), EndsWith("attributes[0] is null"));
  EXPECT_THAT(problem(in_span(R"("status":[])")), EndsWith("status is not an object"));
  EXPECT_THAT(problem(in_value(R"("intValue":1.5)")), EndsWith("is not an integer of 64 bits"));
  EXPECT_THAT(problem(in_value(R"("intValue":"inf")")), EndsWith("is not an integer of 64 bits"));
  EXPECT_THAT(problem(in_value(R"("boolValue":1)")), EndsWith("is neither true nor false"));
  EXPECT_THAT(problem("[]"), EndsWith("the request is not an object"));
  EXPECT_THAT(problem("5"), EndsWith("the request is not an object"));
  EXPECT_THAT(problem("null"), EndsWith("the request is not an object"));
}

TEST(JsonRequest, ATextThatIsNotJsonIsRefusedWithoutQuotingIt) {
  const std::string said = problem(R"({"resourceSpans": secret})");
  EXPECT_THAT(said, HasSubstr("parse error at line 1, column 19"));
  EXPECT_THAT(said, Not(HasSubstr("secret")));
  EXPECT_THAT(problem(""), HasSubstr("parse error at line 1, column 1"));
  EXPECT_THAT(problem("{} {}"), HasSubstr("parse error"));
  EXPECT_THAT(problem(in_span("\"name\":\"\xFF\"")), HasSubstr("ill-formed UTF-8"));
  EXPECT_THAT(problem(in_value(R"("doubleValue":1e999)")), EndsWith("number overflow"));
}

TEST(JsonRequest, ValuesAreNestedSoDeepAndNoDeeper) {
  const auto nested = [](std::size_t levels) {
    std::string open;
    std::string close;
    for (std::size_t i = 0; i < levels; ++i) {
      open += R"("arrayValue":{"values":[{)";
      close += "}]}";
    }
    return in_value(open + close);
  };
  EXPECT_TRUE(traces(nested(39)).IsInitialized());
  EXPECT_THAT(problem(nested(10'000)), HasSubstr("is nested more than 128 levels deep"));
  EXPECT_THAT(problem(std::string(1'000'000, '[')), HasSubstr("is not an object"));
  EXPECT_THAT(problem(R"({"unknown":)" + std::string(1'000'000, '[')), HasSubstr("nested"));
}

TEST(JsonRequest, EveryTruncationIsRefused) {
  ReferenceRequest request;
  RandomMessage(1).fill(request);
  const std::string json = otlp_json(request).dump().substr(0, 3000);
  for (std::size_t size = 0; size < json.size(); ++size) {
    EXPECT_FALSE(encode_json_request(json.substr(0, size), Signal::kTraces)) << size;
  }
}

}  // namespace
}  // namespace kernspan::otlp
