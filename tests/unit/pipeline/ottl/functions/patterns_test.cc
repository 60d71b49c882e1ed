#include "pipeline/ottl/functions/patterns.h"

#include <gtest/gtest.h>

#include <string>

namespace kernspan::ottl {
namespace {

bool glob_matches(const std::string& glob, const std::string& text) {
  const auto compiled = compile_glob(glob);
  EXPECT_TRUE(compiled) << glob << ": " << compiled.error().message;
  return compiled && matches(**compiled, text);
}

std::string replaced(const std::string& pattern, const std::string& text,
                     const std::string& replacement) {
  const auto compiled = compile_pattern(pattern);
  if (!compiled) return compiled.error().message;
  const Result<std::string> result =
      replace_matches(**compiled, text, [&](std::span<const re2::StringPiece> groups) {
        return expand(**compiled, replacement, groups, 1000);
      });
  return result ? *result : result.error().message;
}

TEST(Glob, MatchesWholeTexts) {
  EXPECT_TRUE(glob_matches("/user/*/list/*", "/user/1/list/2"));
  EXPECT_TRUE(glob_matches("/user/*/list/*", "/user/1/2/list/3/4"));
  EXPECT_FALSE(glob_matches("/user/*/list/*", "x/user/1/list/2"));
  EXPECT_FALSE(glob_matches("/user/*", "/users/1"));
  EXPECT_TRUE(glob_matches("a?c", "abc"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_TRUE(glob_matches("[abc]x", "bx"));
  EXPECT_TRUE(glob_matches("[!a-c]x", "dx"));
  EXPECT_FALSE(glob_matches("[!a-c]x", "bx"));
  EXPECT_TRUE(glob_matches("{cat,*dog}!", "hotdog!"));
  EXPECT_FALSE(glob_matches("{cat,dog}", "cow"));
  EXPECT_TRUE(glob_matches("a\\*b", "a*b"));
  EXPECT_FALSE(glob_matches("a\\*b", "axb"));
  EXPECT_TRUE(glob_matches("a.b(c)+$", "a.b(c)+$"));
  EXPECT_TRUE(glob_matches("*", "two\nlines"));
  EXPECT_FALSE(glob_matches("a", "a\n"));
  EXPECT_TRUE(glob_matches("", ""));
}

TEST(Glob, RefusesWhatIsNotOne) {
  for (const char* glob : {"[abc", "{a,b", "a}", "a\\"}) EXPECT_FALSE(compile_glob(glob)) << glob;
}

// From Go's regexp tests.
TEST(Replacement, IsThatOfGo) {
  EXPECT_EQ(replaced("a", "banana", "x"), "bxnxnx");
  EXPECT_EQ(replaced("", "abc", "x"), "xaxbxcx");
  EXPECT_EQ(replaced("a*", "baac", "x"), "xbxcx");
  EXPECT_EQ(replaced("b", "é", "x"), "é");
  EXPECT_EQ(replaced("", "éa", "-"), "-é-a-");
  EXPECT_EQ(replaced("a+", "banaana", "<$0>"), "b<a>n<aa>n<a>");
  EXPECT_EQ(replaced("(?P<hi>h)(e)", "hello", "${hi}-$2-$hi"), "h-e-hllo");
  EXPECT_EQ(replaced("h(e)", "hello", "$1x"), "llo");
  EXPECT_EQ(replaced("h(e)", "hello", "${1}x"), "exllo");
  EXPECT_EQ(replaced("h", "hello", "$$$"), "$$ello");
  EXPECT_EQ(replaced("h", "hello", "$9${nope}${"), "${ello");
  EXPECT_EQ(replaced("^kube_([0-9A-Za-z]+_)", "kube_pod_name", "k8s.$1."), "k8s.pod_.name");
  EXPECT_EQ(replaced("*", "", ""), "error parsing regexp: no argument for repetition operator: *");
}

}  // namespace
}  // namespace kernspan::ottl
