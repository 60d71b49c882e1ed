#include "agent/process/otel_environment.h"

#include <gtest/gtest.h>

namespace kernspan::process {
namespace {

ResourceAttributes parsed(std::string_view text) {
  auto attributes = parse_resource_attributes(text);
  EXPECT_TRUE(attributes) << text;
  return attributes ? *std::move(attributes) : ResourceAttributes{};
}

TEST(OtelEnvironment, DecodesPairs) {
  EXPECT_EQ(parsed("service.name=cart,team=a%2Cb%3D%25"),
            (ResourceAttributes{{"service.name", "cart"}, {"team", "a,b=%"}}));
  EXPECT_EQ(parsed(" a = b , c=d=e ,"), (ResourceAttributes{{"a", "b"}, {"c", "d=e"}}));
  EXPECT_EQ(parsed("a=1,b=2,a=3"), (ResourceAttributes{{"a", "3"}, {"b", "2"}}));
  EXPECT_EQ(parsed("a="), (ResourceAttributes{{"a", ""}}));
  EXPECT_TRUE(parsed("").empty());
  EXPECT_TRUE(parsed(",,").empty());
}

TEST(OtelEnvironment, MakesValidUtf8) {
  EXPECT_EQ(parsed("a=%ff"), (ResourceAttributes{{"a", "\xEF\xBF\xBD"}}));
  EXPECT_EQ(parsed("a=%C3%A9"), (ResourceAttributes{{"a", "é"}}));
}

TEST(OtelEnvironment, OneBadPairMakesAllInvalid) {
  for (const char* text : {"a=b,c", "=b", "a=%", "a=%4", "a=%zz", "%z=a", "a=b,%20"}) {
    EXPECT_FALSE(parse_resource_attributes(text)) << text;
  }
}

TEST(OtelEnvironment, IsBounded) {
  std::string pairs;
  for (int i = 0; i < 64; ++i) pairs += "k" + std::to_string(i) + "=v,";
  EXPECT_EQ(parsed(pairs).size(), 64U);
  EXPECT_FALSE(parse_resource_attributes(pairs + "more=1"));
  EXPECT_TRUE(parse_resource_attributes("a=" + std::string(4094, 'x')));
  EXPECT_FALSE(parse_resource_attributes("a=" + std::string(4095, 'x')));
}

}  // namespace
}  // namespace kernspan::process
