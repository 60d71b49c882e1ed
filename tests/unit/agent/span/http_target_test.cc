#include "agent/span/http_target.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

TEST(HttpTarget, OriginFormTakesTheHostField) {
  const HttpTarget t = parse_http_target("GET", "/cart?id=7#top", "shop.example:8080");
  EXPECT_EQ(t.host, "shop.example");
  EXPECT_EQ(t.port, 8080);
  EXPECT_EQ(t.path, "/cart");
  EXPECT_EQ(t.query, "id=7");
  EXPECT_TRUE(t.scheme.empty());
}

TEST(HttpTarget, AbsoluteFormWinsOverTheHostField) {
  const HttpTarget t = parse_http_target("GET", "http://a.example/x?y", "b.example:1");
  EXPECT_EQ(t.scheme, "http");
  EXPECT_EQ(t.host, "a.example");
  EXPECT_FALSE(t.port.has_value());
  EXPECT_EQ(t.path, "/x");
  EXPECT_EQ(t.query, "y");
}

TEST(HttpTarget, AbsoluteFormWithoutAPathIsTheRoot) {
  EXPECT_EQ(parse_http_target("GET", "http://a.example", "").path, "/");
  const HttpTarget t = parse_http_target("GET", "http://a.example?q", "");
  EXPECT_EQ(t.path, "/");
  EXPECT_EQ(t.query, "q");
}

TEST(HttpTarget, UserInformationIsNeverKept) {
  const HttpTarget t = parse_http_target("GET", "http://user:secret@a.example:81/x", "");
  EXPECT_EQ(t.host, "a.example");
  EXPECT_EQ(t.port, 81);
}

TEST(HttpTarget, Ipv6Literals) {
  const HttpTarget t = parse_http_target("GET", "/", "[2001:db8::1]:8080");
  EXPECT_EQ(t.host, "2001:db8::1");
  EXPECT_EQ(t.port, 8080);
  EXPECT_EQ(parse_http_target("GET", "/", "[::1]").host, "::1");
  EXPECT_TRUE(parse_http_target("GET", "/", "[::1").host.empty());
}

TEST(HttpTarget, AuthorityFormIsForConnect) {
  const HttpTarget t = parse_http_target("CONNECT", "db.example:5432", "proxy.example");
  EXPECT_EQ(t.host, "db.example");
  EXPECT_EQ(t.port, 5432);
  EXPECT_TRUE(t.path.empty());
}

TEST(HttpTarget, AsteriskForm) {
  EXPECT_EQ(parse_http_target("OPTIONS", "*", "a").path, "*");
}

TEST(HttpTarget, NonsensePortsAreLeftOut) {
  for (const char* host : {"a:", "a:x", "a:70000", "a:0", "a:8x", "a:-1"}) {
    const HttpTarget t = parse_http_target("GET", "/", host);
    EXPECT_EQ(t.host, "a") << host;
    EXPECT_FALSE(t.port.has_value()) << host;
  }
}

TEST(HttpTarget, UrlInTheQueryIsNotAnAbsoluteForm) {
  const HttpTarget t = parse_http_target("GET", "/go?to=http://evil.example/", "a.example");
  EXPECT_EQ(t.host, "a.example");
  EXPECT_EQ(t.path, "/go");
}

TEST(HttpTarget, EmptyEverything) {
  const HttpTarget t = parse_http_target("", "", "");
  EXPECT_TRUE(t.host.empty());
  EXPECT_TRUE(t.path.empty());
}

}  // namespace
}  // namespace kernspan
