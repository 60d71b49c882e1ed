#include "agent/span/template_bounds.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

TEST(TemplateBounds, AServiceHasSoManyTemplatesAndNoMore) {
  TemplateBounds bounds;
  EXPECT_TRUE(bounds.admits("cart", "/a", 2, true));
  EXPECT_TRUE(bounds.admits("cart", "/b", 2, true));
  EXPECT_FALSE(bounds.admits("cart", "/c", 2, true));
  EXPECT_TRUE(bounds.admits("cart", "/a", 2, true)) << "known ones stay";
  EXPECT_TRUE(bounds.admits("shop", "/c", 2, true)) << "another service";
  EXPECT_EQ(bounds.size(), 3u);
}

TEST(TemplateBounds, WhatMayNotBeAddedIsShownOnlyIfKnown) {
  TemplateBounds bounds;
  EXPECT_FALSE(bounds.admits("cart", "/a", 2, false));
  EXPECT_TRUE(bounds.admits("cart", "/a", 2, true));
  EXPECT_TRUE(bounds.admits("cart", "/a", 2, false));
}

TEST(TemplateBounds, AllServicesTogetherAreBoundedToo) {
  TemplateBounds bounds;
  for (std::size_t i = 0; i < TemplateBounds::kTotalMax; ++i) {
    EXPECT_TRUE(bounds.admits(std::to_string(i), "/a", 1, true));
  }
  EXPECT_TRUE(bounds.admits("one more", "/a", 1, true));
  EXPECT_EQ(bounds.size(), 1u);
  EXPECT_EQ(bounds.forgotten(), TemplateBounds::kTotalMax);
}

}  // namespace
}  // namespace kernspan
