#include "agent/span/redaction.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

std::shared_ptr<const Redaction> make(std::vector<std::string> patterns,
                                      std::vector<std::string> keys = {}) {
  auto made = Redaction::create({.patterns = std::move(patterns), .query_keys = std::move(keys)});
  EXPECT_TRUE(made) << made.error().message;
  return *made;
}

std::string redacted(std::vector<std::string> patterns, std::string_view text) {
  std::string storage;
  return std::string(make(std::move(patterns))->redacted(text, storage));
}

std::string query(std::string_view text, std::vector<std::string> patterns = {},
                  std::vector<std::string> keys = {}) {
  std::string storage;
  return std::string(make(std::move(patterns), std::move(keys))->redacted_query(text, storage));
}

TEST(Redaction, ReplacesWhatMatchesWhereverItStands) {
  EXPECT_EQ(redacted({"[0-9]{4,}"}, "/card/4111111111111111/x/12"), "/card/REDACTED/x/12");
  EXPECT_EQ(redacted({"[0-9]{4,}"}, "/4111/5222"), "/REDACTED/REDACTED");
  EXPECT_EQ(redacted({"^/reset/.*"}, "/reset/abc"), "REDACTED");
  EXPECT_EQ(redacted({"nothing"}, "/a"), "/a");
  EXPECT_EQ(redacted({}, "/a"), "/a");
}

TEST(Redaction, ReplacesOnlyTheGroupsOfAPatternThatHasSome) {
  EXPECT_EQ(redacted({"/reset/([^/]+)"}, "/reset/abc/done"), "/reset/REDACTED/done");
  EXPECT_EQ(redacted({"(a)-(b)"}, "a-b a-b"), "REDACTED-REDACTED REDACTED-REDACTED");
  EXPECT_EQ(redacted({"((a)b)c"}, "abc"), "REDACTEDc") << "the outer group";
  EXPECT_EQ(redacted({"x(?:y)"}, "axyb"), "aREDACTEDb");
}

TEST(Redaction, AppliesPatternsOneAfterTheOther) {
  EXPECT_EQ(redacted({"user-[a-z]+", "[0-9]+"}, "user-anna 77"), "REDACTED REDACTED");
}

TEST(Redaction, NeighboursAreOneAndEmptyMatchesNone) {
  EXPECT_EQ(redacted({"a"}, "aaaab"), "REDACTEDb");
  EXPECT_EQ(redacted({"x*"}, "abc"), "abc");
  EXPECT_EQ(redacted({"x*"}, "axxb"), "aREDACTEDb");
}

TEST(Redaction, AHostileTextDoesNotGrowWithoutBound) {
  std::string text;
  for (int i = 0; i < 4'000; ++i) text += "ab";
  EXPECT_EQ(redacted({"a"}, text), "REDACTED") << "too many places: all of it";
  EXPECT_EQ(redacted({"(a+)+$"}, std::string(8'000, 'a') + "!").size(), 8'001u);
  EXPECT_EQ(redacted({"x"}, std::string(8'193, 'a')), "REDACTED") << "nobody's URL";
  EXPECT_EQ(redacted({}, std::string(8'193, 'a')).size(), 8'193u);
}

TEST(Redaction, RefusesPatternsAndNamesThem) {
  const auto refused = Redaction::create({.patterns = {"ok", "(unclosed"}, .query_keys = {}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("(unclosed"), std::string::npos);
  EXPECT_FALSE(Redaction::create({.patterns = {"(a)(b)(c)(d)(e)(f)(g)(h)(i)"}, .query_keys = {}}));
}

TEST(Redaction, QueriesLoseTheKeysOfTheConventions) {
  EXPECT_EQ(query("q=OpenTelemetry&sig=s3cret"), "q=OpenTelemetry&sig=REDACTED");
  EXPECT_EQ(query("AWSAccessKeyId=A&Signature=B&x=1"),
            "AWSAccessKeyId=REDACTED&Signature=REDACTED&x=1");
  EXPECT_EQ(query("X-Goog-Signature=a%2Fb"), "X-Goog-Signature=REDACTED");
  EXPECT_EQ(query("X-Amz-Security-Token=a&X-Amz-Signature=b"),
            "X-Amz-Security-Token=REDACTED&X-Amz-Signature=REDACTED");
  EXPECT_EQ(query("SIG=x&design=y"), "SIG=x&design=y") << "case counts, and so does the whole key";
}

TEST(Redaction, QueriesAreReadAsServersReadThem) {
  EXPECT_EQ(query("%73ig=x"), "%73ig=REDACTED");
  EXPECT_EQ(query("%7=x"), "%7=REDACTED") << "may be anything";
  EXPECT_EQ(query("sig=a=b&c"), "sig=REDACTED&c");
  EXPECT_EQ(query("sig=&sig&&=x&"), "sig=&sig&&=x&");
  EXPECT_EQ(query("sig=a&sig=b"), "sig=REDACTED&sig=REDACTED");
  EXPECT_EQ(query(""), "");
}

TEST(Redaction, QueriesTakeKeysAndPatternsOfTheOperator) {
  EXPECT_EQ(query("token=t&a=1", {}, {"token"}), "token=REDACTED&a=1");
  EXPECT_EQ(query("a=4111111111111111&sig=x", {"[0-9]{16}"}), "a=REDACTED&sig=REDACTED");
  EXPECT_EQ(query("a=4111111111111111", {"[0-9]{16}"}), "a=REDACTED");
}

}  // namespace
}  // namespace kernspan
