#include "pipeline/component/registry.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

TEST(Registry, FindsATypeByItsNames) {
  Registry registry;
  registry.exporters.push_back({.type = "otlp_grpc", .deprecated_names = {"otlp"}, .create = {}});
  registry.exporters.push_back({.type = "debug", .create = {}});
  ASSERT_NE(find_factory(registry.exporters, "otlp_grpc"), nullptr);
  EXPECT_EQ(find_factory(registry.exporters, "otlp"), &registry.exporters[0]);
  EXPECT_EQ(find_factory(registry.exporters, "debug"), &registry.exporters[1]);
  EXPECT_EQ(find_factory(registry.exporters, "Debug"), nullptr);
  EXPECT_EQ(find_factory(registry.exporters, ""), nullptr);
}

TEST(Registry, AddsTheRowsOfAnotherOnce) {
  Registry one;
  one.receivers.push_back({.type = "otlp", .create = {}});
  Registry two = one;
  two.receivers.push_back({.type = "ebpf", .create = {}});
  one.add(two);
  ASSERT_EQ(one.receivers.size(), 2u);
  EXPECT_EQ(one.receivers[1].type, "ebpf");
}

TEST(ComponentId, IsATypeAndMaybeAName) {
  EXPECT_EQ(ComponentId::parse("otlp")->type, "otlp");
  EXPECT_EQ(ComponentId::parse("otlp")->name, "");
  EXPECT_EQ(ComponentId::parse("otlp/a/b")->type, "otlp");
  EXPECT_EQ(ComponentId::parse("otlp/a/b")->name, "a/b");
  EXPECT_FALSE(ComponentId::parse(""));
  EXPECT_FALSE(ComponentId::parse("otlp/"));
  EXPECT_FALSE(ComponentId::parse("/name"));
}

}  // namespace
}  // namespace kernspan
