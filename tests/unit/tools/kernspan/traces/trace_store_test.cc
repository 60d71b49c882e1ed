#include "tools/kernspan/traces/trace_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "tests/unit/tools/kernspan/traces/trace_builder.h"

namespace kernspan::tools {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TraceStoreTest : public testing::Test {
 protected:
  void add(std::uint8_t trace, std::uint64_t now_ns) {
    store_.add(trace_id(trace), TraceSpan{.id = span_id(++spans_)}, now_ns);
  }
  static std::vector<int> numbers(const std::vector<Trace>& traces) {
    std::vector<int> numbers;
    for (const Trace& trace : traces) numbers.push_back(trace.id.bytes[15]);
    return numbers;
  }

  TraceStore store_{4};
  std::uint8_t spans_ = 0;
};

TEST_F(TraceStoreTest, JoinsTheSpansOfATrace) {
  add(1, 10);
  add(2, 11);
  add(1, 12);
  const std::vector<Trace> all = store_.take_all();
  EXPECT_THAT(numbers(all), ElementsAre(2, 1));
  EXPECT_EQ(all[1].spans.size(), 2u);
  EXPECT_EQ(store_.span_count(), 0u);
}

TEST_F(TraceStoreTest, QuietTracesLeave) {
  add(1, 10);
  add(2, 11);
  add(1, 30);
  EXPECT_THAT(numbers(store_.take_quiet(20)), ElementsAre(2));
  EXPECT_THAT(numbers(store_.take_quiet(20)), IsEmpty());
  EXPECT_THAT(numbers(store_.take_quiet(31)), ElementsAre(1));
}

TEST_F(TraceStoreTest, TheOldestMakesRoom) {
  add(1, 1);
  add(1, 2);
  add(2, 3);
  add(3, 4);
  add(4, 5);
  EXPECT_EQ(store_.traces_evicted(), 1u);
  EXPECT_EQ(store_.span_count(), 3u);
  EXPECT_THAT(numbers(store_.take_all()), ElementsAre(2, 3, 4));
}

TEST_F(TraceStoreTest, AHugeTraceLosesItsLaterSpansAndIsShownAllTheSame) {
  for (std::uint64_t now = 0; now < 6; ++now) add(1, now);
  EXPECT_EQ(store_.spans_dropped(), 2u);
  EXPECT_EQ(store_.traces_evicted(), 0u);
  EXPECT_EQ(store_.take_all().at(0).spans.size(), 4u);
}

}  // namespace
}  // namespace kernspan::tools
