#include "tools/kernspan/traces/trace.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace kernspan::tools {
namespace {

class TraceSpanTest : public testing::Test {
 protected:
  TraceSpanTest() {
    auto resource = std::make_shared<otlp::ResourceRecord>();
    resource->attributes = {{"service.name", std::string("shop")}};
    record_.resource = std::move(resource);
    record_.name = "POST";
    record_.kind = 3;
    record_.start_time_unix_ns = 5;
    record_.end_time_unix_ns = 9;
  }
  void attribute(std::string key, otlp::RecordValue value) {
    record_.attributes.push_back({std::move(key), std::move(value)});
  }

  otlp::SpanRecord record_;
};

TEST_F(TraceSpanTest, CallOverHttp) {
  attribute("url.path", std::string("/price/7"));
  attribute("http.response.status_code", std::int64_t{200});
  attribute("kernspan.link.evidence", std::string("thread"));
  const TraceSpan span = to_trace_span(record_);
  EXPECT_EQ(span.service, "shop");
  EXPECT_EQ(span.operation, "POST /price/7");
  EXPECT_EQ(span.status, "200");
  EXPECT_EQ(span.evidence, "thread");
  EXPECT_TRUE(span.is_client);
  EXPECT_FALSE(span.is_error);
  EXPECT_EQ(span.note, "");
}

TEST_F(TraceSpanTest, NameWithARouteStaysAsItIs) {
  record_.name = "GET /price/{id}";
  attribute("url.path", std::string("/price/7"));
  EXPECT_EQ(to_trace_span(record_).operation, "GET /price/{id}");
}

TEST_F(TraceSpanTest, ErrorThatIsOnlyTheStatusIsNotSaidTwice) {
  record_.status_code = 2;
  attribute("http.response.status_code", std::int64_t{503});
  attribute("error.type", std::string("503"));
  const TraceSpan span = to_trace_span(record_);
  EXPECT_TRUE(span.is_error);
  EXPECT_EQ(span.note, "");
}

TEST_F(TraceSpanTest, ErrorWithoutAResponse) {
  record_.status_code = 2;
  attribute("error.type", std::string("connection_closed"));
  attribute("kernspan.partial", std::string("gap"));
  const TraceSpan span = to_trace_span(record_);
  EXPECT_EQ(span.status, "error");
  EXPECT_EQ(span.note, "connection_closed, partial: gap");
}

TEST_F(TraceSpanTest, NothingKnown) {
  otlp::SpanRecord record;
  record.resource = std::make_shared<otlp::ResourceRecord>();
  const TraceSpan span = to_trace_span(record);
  EXPECT_EQ(span.service, "unknown_service");
  EXPECT_EQ(span.status, "");
}

TEST_F(TraceSpanTest, EndBeforeStartIsNoDuration) {
  record_.end_time_unix_ns = 1;
  EXPECT_EQ(to_trace_span(record_).end_ns, 5u);
}

TEST_F(TraceSpanTest, TheTerminalIsNotForTrafficToControl) {
  record_.name = "GET\033[2J\007\n\u009b31m \xff\xfe \u00e9";
  EXPECT_EQ(to_trace_span(record_).operation, "GET?[2J????31m ?? \u00e9");
}

TEST_F(TraceSpanTest, LongTextsAreCutBetweenCharacters) {
  record_.name = "GET ";
  for (int i = 0; i < 1000; ++i) record_.name += "\u20ac";
  const std::string operation = to_trace_span(record_).operation;
  EXPECT_EQ(operation.size(), 4 + 169 * 3 + 3u);
  EXPECT_TRUE(operation.ends_with("\u20ac..."));
}

TEST(TraceTest, TimesOfTheWhole) {
  Trace trace;
  EXPECT_EQ(trace.duration_ns(), 0u);
  trace.spans.push_back({.start_ns = 10, .end_ns = 20});
  trace.spans.push_back({.start_ns = 5, .end_ns = 12});
  EXPECT_EQ(trace.start_ns(), 5u);
  EXPECT_EQ(trace.duration_ns(), 15u);
}

}  // namespace
}  // namespace kernspan::tools
