#include "pipeline/base/edit_distance.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", ""), 0u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("timeout", "timeout"), 0u);
  EXPECT_EQ(edit_distance("timout", "timeout"), 1u);
  EXPECT_EQ(edit_distance("timeoutt", "timeout"), 1u);
  EXPECT_EQ(edit_distance("timeaut", "timeout"), 1u);
  EXPECT_EQ(edit_distance("endpiont", "endpoint"), 1u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}

TEST(ClosestWord, FindsASlipAndNothingFarther) {
  const std::vector<std::string> keys = {"endpoint", "timeout", "tls"};
  EXPECT_EQ(closest_word("endpiont", keys), "endpoint");
  EXPECT_EQ(closest_word("time_out", keys), "timeout");
  EXPECT_EQ(closest_word("tsl", keys), "tls");
  EXPECT_EQ(closest_word("compression", keys), std::nullopt);
  EXPECT_EQ(closest_word("x", keys), std::nullopt);
  EXPECT_EQ(closest_word(std::string(100'000, 'a'), keys), std::nullopt);
}

}  // namespace
}  // namespace kernspan
