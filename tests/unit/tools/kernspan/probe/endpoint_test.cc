#include "tools/kernspan/probe/endpoint.h"

#include <gtest/gtest.h>

namespace kernspan::tools {
namespace {

Endpoint parsed(std::string_view text) {
  const Result<Endpoint> endpoint = parse_endpoint(text);
  EXPECT_TRUE(endpoint) << text << ": " << endpoint.error().message;
  return endpoint.value_or(Endpoint{});
}

TEST(Endpoint, ReadsHostsAndPorts) {
  EXPECT_EQ(parsed("gateway:14317").host, "gateway");
  EXPECT_EQ(parsed("gateway:14317").port, "14317");
  EXPECT_EQ(parsed("gateway").port, "4317");
  EXPECT_EQ(parsed("[::1]:4317").host, "::1");
  EXPECT_EQ(parsed("[::1]").port, "4317");
}

TEST(Endpoint, ReadsUrls) {
  const Endpoint endpoint = parsed("https://otlp.example.com/v1/traces");
  EXPECT_EQ(endpoint.host, "otlp.example.com");
  EXPECT_EQ(endpoint.port, "443");
  EXPECT_EQ(endpoint.path, "/v1/traces");
  EXPECT_TRUE(endpoint.is_url);
  EXPECT_FALSE(endpoint.is_plain);
  EXPECT_TRUE(parsed("http://gateway:4318").is_plain);
  EXPECT_EQ(parsed("http://gateway").port, "80");
  EXPECT_EQ(parsed("http://[::1]:4318/").path, "/");
}

TEST(Endpoint, RefusesOthers) {
  for (const char* text : {"", ":4317", "gateway:", "gateway:port", "gateway:123456", "::1:4317",
                           "[::1", "[::1]4317", "https://", "http://:80/"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

}  // namespace
}  // namespace kernspan::tools
