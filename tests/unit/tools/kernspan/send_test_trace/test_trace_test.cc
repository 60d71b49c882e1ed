#include "tools/kernspan/send_test_trace/test_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "pipeline/otlp/json_reader.h"
#include "pipeline/otlp/json_writer.h"
#include "tools/kernspan/send_test_trace/load.h"

namespace kernspan::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<otlp::SpanRecord> records_of(const otlp::Batch& batch) {
  std::string json;
  otlp::append_json(batch, json);
  auto records = otlp::parse_json_spans(json);
  EXPECT_TRUE(records);
  return records.value_or(std::vector<otlp::SpanRecord>{});
}

TEST(TestTraceMaker, MakesOneTrace) {
  TraceShape shape;
  shape.service = "my-service";
  shape.span_duration = std::chrono::milliseconds{100};
  shape.child_spans = 2;
  TestTraceMaker maker(shape, 7);
  otlp::RequestEncoder encoder;
  const TraceId id = maker.add_trace(1'000'000'000, encoder);
  const auto spans = records_of(encoder.take());
  ASSERT_EQ(spans.size(), maker.spans_per_trace());
  for (const auto& span : spans) EXPECT_EQ(span.trace_id, id);
  EXPECT_FALSE(spans[0].parent_span_id.is_valid());
  EXPECT_EQ(spans[0].start_time_unix_ns, 800'000'000u);
  EXPECT_EQ(spans[0].end_time_unix_ns, 1'000'000'000u);
  for (std::size_t i : {1u, 2u}) {
    EXPECT_EQ(spans[i].parent_span_id, spans[0].span_id);
    EXPECT_EQ(spans[i].end_time_unix_ns - spans[i].start_time_unix_ns, 100'000'000u);
    EXPECT_LE(spans[i].end_time_unix_ns, spans[0].end_time_unix_ns);
  }
  EXPECT_NE(spans[1].span_id, spans[2].span_id);
}

TEST(TestTraceMaker, ReadsResourceAttributesOfTheEnvironment) {
  EXPECT_THAT(parse_resource_attributes("k8s.cluster.name=test, a = b%2Cc ,broken,=x,d="),
              ElementsAre(Pair("a", "b,c"), Pair("d", ""), Pair("k8s.cluster.name", "test")));
  EXPECT_THAT(parse_resource_attributes("a=%zz,b=%4,c=%41"), ElementsAre(Pair("c", "A")));
}

// Takes every other request.
class HalfConsumer final : public Consumer {
 public:
  Status consume(otlp::Batch batch) override {
    spans += batch.item_count();
    if (++requests % 2 == 0) return retryable("full");
    return {};
  }
  std::atomic<std::uint64_t> spans{0};
  std::atomic<std::uint64_t> requests{0};
};

TEST(Load, CountsWhatWasTakenAndWhatWasNot) {
  LoadSettings settings;
  settings.workers = 3;
  settings.traces = 1'000;
  HalfConsumer consumer;
  const LoadResult result = run_load(settings, consumer, [] { return false; });
  EXPECT_EQ(result.traces, 3'000u);
  EXPECT_EQ(result.spans + result.failed_spans, 6'000u);
  EXPECT_EQ(consumer.spans, 6'000u);
  EXPECT_GT(result.failed_spans, 0u);
  EXPECT_EQ(result.first_error, "full");
  EXPECT_EQ(result.first_trace_id.size(), 32u);
}

TEST(Load, StopsWhenTold) {
  LoadSettings settings;
  settings.duration = std::chrono::hours{1};
  HalfConsumer consumer;
  const LoadResult result = run_load(settings, consumer, [] { return true; });
  EXPECT_EQ(result.traces, 0u);
}

}  // namespace
}  // namespace kernspan::tools
