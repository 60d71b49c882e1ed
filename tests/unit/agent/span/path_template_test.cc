#include "agent/span/path_template.h"

#include <gtest/gtest.h>

#include <map>

namespace kernspan {
namespace {

std::string find(const std::vector<std::string>& texts, std::string_view path) {
  const auto templates = PathTemplates::create(texts);
  EXPECT_TRUE(templates) << templates.error().message;
  return std::string(templates->find(path));
}

std::string guess(std::string_view path) {
  std::string out;
  return std::string(guess_template(path, out));
}

TEST(PathTemplates, PlaceholdersAreOneSegment) {
  const std::vector<std::string> texts{"/users/{id}", "/users/{id}/orders/{order}"};
  EXPECT_EQ(find(texts, "/users/7"), "/users/{id}");
  EXPECT_EQ(find(texts, "/users/anna/orders/x"), "/users/{id}/orders/{order}");
  for (const char* path : {"/users", "/users/", "/users/7/", "/users/7/orders", "/Users/7", "*", "",
                           "users/7", "//users/7"}) {
    EXPECT_EQ(find(texts, path), "") << path;
  }
}

TEST(PathTemplates, AStarIsTheRest) {
  EXPECT_EQ(find({"/static/*"}, "/static/a/b.js"), "/static/*");
  EXPECT_EQ(find({"/static/*"}, "/static/"), "/static/*");
  EXPECT_EQ(find({"/static/*"}, "/static"), "");
  EXPECT_EQ(find({"/*"}, "/anything/at/all"), "/*");
}

TEST(PathTemplates, TheFirstThatFitsCounts) {
  EXPECT_EQ(find({"/users/me", "/users/{id}", "/*"}, "/users/me"), "/users/me");
  EXPECT_EQ(find({"/users/{id}", "/users/me"}, "/users/me"), "/users/{id}");
}

TEST(PathTemplates, ASlashAtTheEndCounts) {
  EXPECT_EQ(find({"/a/", "/a"}, "/a/"), "/a/");
  EXPECT_EQ(find({"/a/", "/a"}, "/a"), "/a");
  EXPECT_EQ(find({"/"}, "/"), "/");
}

TEST(PathTemplates, RefusesWhatIsNone) {
  for (const char* text : {"users/{id}", "/a/*/b", "/a{b}c", "/a//b", "/{}", "/a?b=c", ""}) {
    EXPECT_FALSE(PathTemplates::create({text})) << text;
  }
  EXPECT_FALSE(PathTemplates::create(std::vector<std::string>(1001, "/a")));
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "/a";
  EXPECT_FALSE(PathTemplates::create({deep}));
}

TEST(GuessTemplate, ValuesBecomePlaceholdersAndWordsStay) {
  const std::map<std::string, std::string> expected{
      {"/", "/"},
      {"/cart", "/cart"},
      {"/users/7", "/users/{id}"},
      {"/users/7/", "/users/{id}/"},
      {"/users/-12.5", "/users/{id}"},
      {"/orders/INV-000123", "/orders/{id}"},
      {"/api/v1/users", "/api/v1/users"},
      {"/http2/oauth2/callback", "/http2/oauth2/callback"},
      {"/o/550e8400-e29b-41d4-a716-446655440000", "/o/{uuid}"},
      {"/c/3f2a9b1c", "/c/{hash}"},
      {"/c/d41d8cd98f00b204e9800998ecf8427e", "/c/{hash}"},
      {"/facade/decade", "/facade/decade"},
      {"/report/2026-11-21", "/report/{date}"},
      {"/report/2026-11-21T10:00:00Z", "/report/{date}"},
      {"/mail/anna@example.com", "/mail/{email}"},
      {"/mail/anna%40example.com", "/mail/{email}"},
      {"/@scope/package", "/@scope/package"},
      {"/t/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/t/{token}"},
      {"/t/eyJhbGciOiJIUzI1NiJ9", "/t/{token}"},
      {"/blog/my-article-of-2024-about-things", "/blog/my-article-of-2024-about-things"},
      {"/search/red%20shoes", "/search/{text}"},
      {"/stra\xc3\x9f"
       "e",
       "/{text}"},
      {"/cart;jsessionid=0A1B2C/items", "/cart/items"},
      {"/a//b", "/a//b"},
      {"*", ""},
      {"", ""},
      {"http://x/", ""},
  };
  for (const auto& [path, text] : expected) EXPECT_EQ(guess(path), text) << path;
}

TEST(GuessTemplate, IsBoundedWhateverThePathIs) {
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "/a";
  EXPECT_TRUE(guess(deep).ends_with("/*"));
  EXPECT_LE(guess(deep).size(), kTemplateBytesMax);
  EXPECT_EQ(guess("/" + std::string(60'000, 'x')), "/{text}");
  EXPECT_LE(guess("/" + std::string(40, 'x') + "/" + std::string(40, 'y') + "/" +
                  std::string(40, 'z') + "/" + std::string(40, 'w'))
                .size(),
            kTemplateBytesMax);
  EXPECT_EQ(guess("/{id}/*"), "/{text}/{text}") << "a template's own marks are no template";
}

}  // namespace
}  // namespace kernspan
