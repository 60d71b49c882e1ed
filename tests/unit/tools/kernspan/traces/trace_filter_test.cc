#include "tools/kernspan/traces/trace_filter.h"

#include <gtest/gtest.h>

#include "tests/unit/tools/kernspan/traces/trace_builder.h"

namespace kernspan::tools {
namespace {

using namespace std::chrono_literals;

const Trace kTrace = TraceBuilder()
                         .span(1, 0, 0, 5000, "shop", "GET /")
                         .span(2, 1, 1000, 2000, "pricing", "GET /price")
                         .build();

TEST(TraceFilterTest, EverythingPassesWithoutConditions) {
  EXPECT_TRUE(TraceFilter().accepts(kTrace));
}

TEST(TraceFilterTest, ByTheBeginningOfTheId) {
  EXPECT_TRUE(TraceFilter{.trace_id_prefix = "5b8e"}.accepts(kTrace));
  EXPECT_FALSE(TraceFilter{.trace_id_prefix = "8e"}.accepts(kTrace));
}

TEST(TraceFilterTest, ByService) {
  EXPECT_TRUE(TraceFilter{.service = "pricing"}.accepts(kTrace));
  EXPECT_FALSE(TraceFilter{.service = "pric"}.accepts(kTrace));
}

TEST(TraceFilterTest, ByDuration) {
  EXPECT_TRUE(TraceFilter{.min_duration = 5ms}.accepts(kTrace));
  EXPECT_FALSE(TraceFilter{.min_duration = 5001us}.accepts(kTrace));
}

TEST(TraceFilterTest, ByErrorsInAnySpan) {
  EXPECT_FALSE(TraceFilter{.errors_only = true}.accepts(kTrace));
  Trace failed = kTrace;
  failed.spans[1].is_error = true;
  EXPECT_TRUE(TraceFilter{.errors_only = true}.accepts(failed));
  EXPECT_FALSE((TraceFilter{.service = "else", .errors_only = true}.accepts(failed)));
}

}  // namespace
}  // namespace kernspan::tools
