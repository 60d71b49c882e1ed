#include "pipeline/processors/tail_sampling/policies/trace_scan.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/pipeline/processors/tail_sampling/policies/trace_source.h"

namespace kernspan::sampling {
namespace {

using nlohmann::json;

TEST(TraceScanTest, FindsWhatFindAttributeFinds) {
  std::mt19937 random(1);
  const std::vector<std::string> keys = {"a",
                                         "b",
                                         "http.method",
                                         "http.method2",
                                         std::string(63, 'k'),
                                         std::string(64, 'k'),
                                         std::string(200, 'k')};
  for (int round = 0; round < 50; ++round) {
    json spans = json::array();
    for (int i = 0; i < 5; ++i) {
      json attributes = json::object();
      for (const std::string& key : keys) {
        if (random() % 2 == 0) attributes[key] = static_cast<int>(random() % 1000);
      }
      attributes["noise" + std::to_string(random() % 7)] = "x";
      spans.push_back({{"attributes", attributes}});
    }
    const json resource = {{"attributes", {{"a", round}, {"service.name", "shop"}}},
                           {"spans", spans}};
    const TraceSource source({{"resources", {resource}}}, kArrangements[round % 4]);
    const TraceView trace = source.view();
    TraceScan scan;
    for (const std::string& key : keys) scan.add_key(key);
    scan.start(trace);
    for (std::size_t i = 0; i < trace.spans.size(); ++i) {
      for (TraceScan::Key key = 0; key < keys.size(); ++key) {
        const HeldSpan& held = trace.spans[i];
        const otlp::ValueView expected = held.index->find_attribute(held.span, keys[key]);
        EXPECT_EQ(scan.span_value(i, key).kind(), expected.kind());
        EXPECT_EQ(scan.span_value(i, key).as_int(), expected.as_int());
      }
    }
    for (std::size_t i = 0; i < scan.resource_count(); ++i) {
      EXPECT_EQ(scan.resource_value(i, 0).as_int(), round);
      EXPECT_EQ(scan.resource_value(i, 1).kind(), otlp::ValueKind::kNone);
    }
  }
}

TEST(TraceScanTest, OfEqualKeysTheFirstCounts) {
  otlp::ReferenceRequest request = otlp::reference_request(1);
  auto& span = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
  for (const int value : {1, 2}) {
    auto& attribute = *span.add_attributes();
    attribute.set_key("k");
    attribute.mutable_value()->set_int_value(value);
  }
  const otlp::SpanIndex index(otlp::Batch::from_wire(request.SerializeAsString()).value());
  const HeldSpan held{&index, 0};
  const TraceView trace{.trace_id = {}, .spans = {&held, 1}};
  TraceScan scan;
  const TraceScan::Key key = scan.add_key("k");
  scan.start(trace);
  EXPECT_EQ(scan.span_value(0, key).as_int(), 1);
}

TEST(TraceScanTest, EqualKeysAreOne) {
  TraceScan scan;
  EXPECT_EQ(scan.add_key("k"), scan.add_key("k"));
  EXPECT_NE(scan.add_key("k"), scan.add_key("l"));
}

// More values than are remembered: found all the same, for spans and for resources.
TEST(TraceScanTest, ATraceOfAnySize) {
  json resources = json::array();
  for (int i = 0; i < 20'000; ++i) {
    resources.push_back(
        {{"attributes", {{"r", i}}}, {"spans", {{{"attributes", {{"s", i}, {"t", -i}}}}}}});
  }
  const TraceSource source({{"resources", resources}}, {});
  const TraceView trace = source.view();
  TraceScan scan;
  const TraceScan::Key r = scan.add_key("r");
  const TraceScan::Key s = scan.add_key("s");
  const TraceScan::Key t = scan.add_key("t");
  scan.start(trace);
  ASSERT_EQ(scan.resource_count(), 20'000U);
  for (std::size_t i = 0; i < 20'000; i += 7) {
    EXPECT_EQ(scan.span_value(i, s).as_int(), static_cast<std::int64_t>(i));
    EXPECT_EQ(scan.span_value(i, t).as_int(), -static_cast<std::int64_t>(i));
    EXPECT_EQ(scan.resource_value(i, r).as_int(), static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(scan.span_value(5, s).as_int(), 5);
}

}  // namespace
}  // namespace kernspan::sampling
