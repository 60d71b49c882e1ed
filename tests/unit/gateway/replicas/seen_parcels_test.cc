#include "gateway/replicas/seen_parcels.h"

#include <gtest/gtest.h>

namespace kernspan::replicas {
namespace {

using Begun = SeenParcels::Begun;

TEST(SeenParcels, TakesEachOnce) {
  SeenParcels seen;
  EXPECT_EQ(seen.begin(1, 1), Begun::kNew);
  EXPECT_EQ(seen.begin(1, 1), Begun::kInProgress);
  seen.end(1, 1, true);
  EXPECT_EQ(seen.begin(1, 1), Begun::kTaken);
  EXPECT_EQ(seen.begin(2, 1), Begun::kNew);  // another sender's
}

TEST(SeenParcels, WhatWasRefusedMayComeAgain) {
  SeenParcels seen;
  seen.begin(1, 1);
  seen.end(1, 1, false);
  EXPECT_EQ(seen.begin(1, 1), Begun::kNew);
}

TEST(SeenParcels, IsBounded) {
  SeenParcels seen;
  for (std::uint64_t i = 1; i <= 2 * SeenParcels::kWindow; ++i) {
    seen.begin(1, i);
    seen.end(1, i, true);
  }
  EXPECT_EQ(seen.begin(1, 2 * SeenParcels::kWindow), Begun::kTaken);
  EXPECT_EQ(seen.begin(1, 1), Begun::kNew);  // long forgotten
  for (std::uint64_t sender = 2; sender < 2 * SeenParcels::kMaxSenders; ++sender) {
    ASSERT_EQ(seen.begin(sender, 1), Begun::kNew);
    seen.end(sender, 1, true);
  }
}

// A sender in the middle of a call is not forgotten for others.
TEST(SeenParcels, KeepsThoseInProgress) {
  SeenParcels seen;
  for (std::uint64_t sender = 1; sender <= SeenParcels::kMaxSenders; ++sender) {
    ASSERT_EQ(seen.begin(sender, 1), Begun::kNew);
  }
  EXPECT_EQ(seen.begin(5000, 1), Begun::kInProgress);
  seen.end(7, 1, true);
  EXPECT_EQ(seen.begin(5000, 1), Begun::kNew);
}

}  // namespace
}  // namespace kernspan::replicas
