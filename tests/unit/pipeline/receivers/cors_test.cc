#include "pipeline/receivers/http/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace kernspan {
namespace {

using Headers = std::map<std::string, std::string, std::less<>>;

RequestHeaders request(const Headers& headers) {
  return [headers = std::make_shared<Headers>(headers)](
             std::string_view name) -> std::optional<std::string_view> {
    const auto found = headers->find(name);
    if (found == headers->end()) return std::nullopt;
    return found->second;
  };
}

Headers as_map(const std::vector<HttpHeader>& headers) {
  return {headers.begin(), headers.end()};
}

std::string allowed(const CorsSettings& settings, const std::string& origin) {
  return as_map(
      cors_headers(settings, request({{"origin", origin}})))["Access-Control-Allow-Origin"];
}

TEST(Cors, OriginsMatchWithOneWildcard) {
  const CorsSettings settings{.allowed_origins = {"https://a.example", "http://*.b.example"}};
  EXPECT_EQ(allowed(settings, "https://a.example"), "https://a.example");
  EXPECT_EQ(allowed(settings, "http://x.b.example"), "http://x.b.example");
  EXPECT_EQ(allowed(settings, "HTTP://X.B.EXAMPLE"), "HTTP://X.B.EXAMPLE");
  EXPECT_EQ(allowed(settings, "https://a.example.evil"), "");
  EXPECT_EQ(allowed(settings, "http://.b.exampl"), "");
  EXPECT_EQ(allowed({.allowed_origins = {"*"}}, "null"), "null");
  EXPECT_EQ(as_map(cors_headers(settings, request({}))), (Headers{{"Vary", "Origin"}}));
}

Headers preflight(const CorsSettings& settings, const std::string& method,
                  const std::string& headers) {
  return as_map(
      preflight_headers(settings, request({{"origin", "https://a.example"},
                                           {"access-control-request-method", method},
                                           {"access-control-request-headers", headers}})));
}

TEST(Cors, APreflightSaysWhatIsAllowed) {
  const CorsSettings settings{
      .allowed_origins = {"https://a.example"}, .allowed_headers = {"X-Token"}, .max_age_s = 60};
  Headers answer = preflight(settings, "POST", "content-type, x-token");
  EXPECT_EQ(answer["Access-Control-Allow-Origin"], "https://a.example");
  EXPECT_EQ(answer["Access-Control-Allow-Methods"], "POST");
  EXPECT_EQ(answer["Access-Control-Allow-Headers"], "content-type, x-token");
  EXPECT_EQ(answer["Access-Control-Max-Age"], "60");
  EXPECT_FALSE(preflight(settings, "POST", "x-other").contains("Access-Control-Allow-Origin"));
  EXPECT_FALSE(preflight(settings, "DELETE", "").contains("Access-Control-Allow-Origin"));
  const CorsSettings any{.allowed_origins = {"*"}, .allowed_headers = {"*"}};
  EXPECT_TRUE(preflight(any, "POST", "x-other").contains("Access-Control-Allow-Origin"));
}

}  // namespace
}  // namespace kernspan
