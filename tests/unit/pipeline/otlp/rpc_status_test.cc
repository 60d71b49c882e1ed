#include "pipeline/otlp/rpc_status.h"

#include <gtest/gtest.h>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

using namespace std::chrono_literals;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;

TEST(ExportResponse, AnEmptyOneIsFullSuccess) {
  const auto result = parse_export_response("");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rejected_spans, 0U);
}

TEST(ExportResponse, ReadsPartialSuccess) {
  ExportTraceServiceResponse response;
  response.mutable_partial_success()->set_rejected_spans(42);
  response.mutable_partial_success()->set_error_message("too old");
  const auto result = parse_export_response(response.SerializeAsString());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rejected_spans, 42U);
  EXPECT_EQ(result->message, "too old");
}

TEST(ExportResponse, NegativeCountsAreNone) {
  ExportTraceServiceResponse response;
  response.mutable_partial_success()->set_rejected_spans(-5);
  EXPECT_EQ(parse_export_response(response.SerializeAsString())->rejected_spans, 0U);
}

TEST(ExportResponse, MalformedIsAnError) {
  EXPECT_FALSE(parse_export_response("\x0A\x7Fgarbage"));
}

// google.rpc.Status { code: 8, details: Any { RetryInfo { retry_delay { seconds, nanos } } } }
std::string status_with(const std::string& type, const std::string& retry_info) {
  const auto field = [](char tag, const std::string& bytes) {
    return std::string(1, tag) + static_cast<char>(bytes.size()) + bytes;
  };
  return std::string("\x08\x08", 2) +
         field('\x1A', field('\x0A', type) + field('\x12', retry_info));
}
const std::string kRetryInfoType = "type.googleapis.com/google.rpc.RetryInfo";

TEST(RetryDelay, ReadsSecondsAndNanos) {
  const std::string info("\x0A\x06\x08\x02\x10\x80\xC2\x5F", 8);  // 2 s + 1,564,928 ns
  const auto delay = parse_retry_delay(status_with(kRetryInfoType, info));
  ASSERT_TRUE(delay);
  EXPECT_EQ(*delay, 2s + 1'564'928ns);
}

TEST(RetryDelay, IsBounded) {
  const std::string info("\x0A\x06\x08\xFF\xFF\xFF\xFF\x7F", 8);
  EXPECT_EQ(parse_retry_delay(status_with(kRetryInfoType, info)), 24h);
}

TEST(RetryDelay, NothingWhereThereIsNone) {
  const std::string info("\x0A\x02\x08\x02", 4);
  EXPECT_FALSE(parse_retry_delay(""));
  EXPECT_FALSE(parse_retry_delay("garbage"));
  EXPECT_FALSE(parse_retry_delay(status_with("type.googleapis.com/google.rpc.Help", info)));
  EXPECT_FALSE(parse_retry_delay(status_with(kRetryInfoType, "")));
}

}  // namespace
}  // namespace kernspan::otlp
