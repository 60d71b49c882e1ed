#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

class ReplaceEditors : public FunctionFixture {
 protected:
  // What replace_pattern makes of a text; `arguments` are those behind the target.
  std::string pattern(const std::string& text, const std::string& arguments) {
    return after(fmt::format("\"{}\"", text),
                 fmt::format("replace_pattern(cache[\"m\"], {})", arguments));
  }
  const std::string command_ = "application passwd=sensitivedtata otherarg=notsensitive key1 key2";
};

TEST_F(ReplaceEditors, Pattern) {
  EXPECT_EQ(pattern(command_, R"x("passwd\\=[^\\s]*(\\s?)", "passwd=*** ")x"),
            R"("application passwd=*** otherarg=notsensitive key1 key2")");
  EXPECT_EQ(pattern(command_, R"("passwd\\=[^\\s]*\\s?", "$1")"),
            R"("application otherarg=notsensitive key1 key2")");
  EXPECT_EQ(pattern(command_, R"x("nomatch\\=[^\\s]*(\\s?)", "shouldnotbeinoutput")x"),
            "\"" + command_ + "\"");
  EXPECT_EQ(pattern(command_, R"x("key[^\\s]*(\\s?)", "**** ")x"),
            R"("application passwd=sensitivedtata otherarg=notsensitive **** **** ")");
  EXPECT_EQ(pattern(command_, R"x("(\\w+)=(\\w+)", "$1:$2")x"),
            R"("application passwd:sensitivedtata otherarg:notsensitive key1 key2")");
  EXPECT_EQ(pattern(command_, R"x("passwd\\=[^\\s]*(\\s?)", "passwd=$$$$$$ ")x"),
            R"("application passwd=$$$ otherarg=notsensitive key1 key2")");
  EXPECT_EQ(pattern("a.b", R"(attributes["text"], "x")"), R"("a.b")");
  EXPECT_EQ(pattern("see a text", R"(attributes["text"], name)"), R"("see GET /cart")");
}

// Both the text and the replacement may come from a request.
TEST_F(ReplaceEditors, ReplacementsAreBounded) {
  const std::string text = "\"" + std::string(8192, 'a') + "\"";
  std::string references;
  for (int i = 0; i < 4096; ++i) references += "$0";
  for (const std::string& statement :
       {std::string(R"(replace_pattern(cache["m"], "a", cache["m"]))"),
        std::string(R"(replace_pattern(cache["m"], "a", cache["m"], ToUpperCase))"),
        fmt::format(R"(replace_pattern(cache["m"], "^.*$", "{}"))", references)}) {
    EXPECT_EQ(after(text, statement), "error: the replacements have more than 16777216 bytes");
  }
}

TEST_F(ReplaceEditors, ReplacementsOfManyValuesAreBounded) {
  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += fmt::format("\"k{}\": \"a\",", i);
  many += "\"long\": \"" + std::string(32'000, 'b') + "\"}";
  for (const char* statement :
       {R"(replace_all_patterns(cache["m"], "value", "^a", cache["m"]["long"]))",
        R"(replace_all_matches(cache["m"], "a", cache["m"]["long"]))"}) {
    EXPECT_EQ(after(many, statement), "error: the replacements have more than 16777216 bytes");
  }
}

TEST_F(ReplaceEditors, PatternWithAFunction) {
  EXPECT_EQ(pattern(command_, R"("passwd\\=([^\\s]*)\\s?", "$1", ToUpperCase, "passwd=%s ")"),
            R"("application passwd=SENSITIVEDTATA otherarg=notsensitive key1 key2")");
  EXPECT_EQ(pattern(command_, R"x("passwd\\=([^\\s]*)", "passwd", ToUpperCase)x"),
            R"("application PASSWD otherarg=notsensitive key1 key2")");
  EXPECT_EQ(pattern("user_id=42 parent_user_id=423", R"("\\d+", "$0", MD5)"),
            R"("user_id=a1d0c6e83f027327d8461063f4ac58a6 )"
            R"(parent_user_id=faa9afea49ef2ff029a833cccc778fd0")");
  EXPECT_EQ(pattern("aaaa", R"("a", "$0", ToUpperCase)"), R"("AAAA")");
  EXPECT_EQ(pattern("kube_pod_name", R"x("^kube_([0-9A-Za-z]+_)", "$1.", SHA256, "k8s.%s")x"),
            R"("k8s.6d84a506bd7fb1f256ed60c44bd7cd7fb1c12b2f531231e13db610d418021420name")");
}

TEST_F(ReplaceEditors, WhatIsWrong) {
  EXPECT_NE(pattern("a", R"("*", "b")").find("error parsing regexp: "), std::string::npos);
  EXPECT_NE(pattern("a", R"("a", attributes["none"])").find("expected string but got nil"),
            std::string::npos);
  EXPECT_NE(pattern("a", R"("a", "b", SHA256, "passwd=")")
                .find("replacementFormat must be format string containing a single %s"),
            std::string::npos);
  EXPECT_NE(pattern("a", R"("a", "b", SHA256, "%s %d")").find("a single %s"), std::string::npos);
  EXPECT_NE(pattern("a", R"("a", "b", IsString)").find("the replacement value must be a string"),
            std::string::npos);
  // What is no text stays, and so does what is not there.
  EXPECT_EQ(after("1", R"(replace_pattern(cache["m"], "1", "2"))"), "1");
  EXPECT_EQ(after("nil", R"(replace_pattern(cache["m"], "1", "2"))"), "nil");
}

TEST_F(ReplaceEditors, AllPatterns) {
  const std::string map =
      R"({"test": "hello world", "test2": "hello", "test3": "goodbye world1 and world2", "test4": 1234, "test5": 1.5, "test6": true})";
  EXPECT_EQ(
      after(map, R"(replace_all_patterns(cache["m"], "value", "hello", "hello {universe}"))"),
      R"({"test": "hello {universe} world", "test2": "hello {universe}", "test3": "goodbye world1 and world2", "test4": 1234, "test5": 1.5, "test6": true})");
  EXPECT_EQ(after(R"({"test": "a", "test2": 1, "x": 2})",
                  R"(replace_all_patterns(cache["m"], "key", "test", "foo"))"),
            R"({"foo": "a", "foo2": 1, "x": 2})");
  EXPECT_EQ(
      after(R"({"kube_pod_name": 1, "other": 2})",
            R"x(replace_all_patterns(cache["m"], "key", "^kube_([0-9A-Za-z]+_)", "k8s.$1."))x"),
      R"({"k8s.pod_.name": 1, "other": 2})");
  EXPECT_EQ(after(R"({"a1": 1, "a2": 2})", R"(replace_all_patterns(cache["m"], "key", "\\d", ""))"),
            R"({"a": 2})");
  EXPECT_EQ(
      after(
          R"({"path": "/account/1234"})",
          R"(replace_all_patterns(cache["m"], "value", "/account/\\d{4}", "/account/{accountId}"))"),
      R"({"path": "/account/{accountId}"})");
  EXPECT_EQ(
      after(
          R"({"kube_a": 1})",
          R"x(replace_all_patterns(cache["m"], "key", "^kube_(.*)", "$1", ToUpperCase, "k8s.%s"))x"),
      R"({"k8s.A": 1})");
  EXPECT_NE(after("{}", R"(replace_all_patterns(cache["m"], "both", "a", "b"))")
                .find("invalid mode both, must be either 'key' or 'value'"),
            std::string::npos);
  EXPECT_NE(after("1", R"(replace_all_patterns(cache["m"], "key", "a", "b"))").find("expected map"),
            std::string::npos);
}

TEST_F(ReplaceEditors, Matches) {
  const std::string statement =
      R"(replace_match(cache["m"], "/user/*/list/*", "/user/{userId}/list/{listId}"))";
  EXPECT_EQ(after(R"("/user/1/list/2")", statement), R"("/user/{userId}/list/{listId}")");
  EXPECT_EQ(after(R"("/other")", statement), R"("/other")");
  EXPECT_EQ(after("1", statement), "1");
  EXPECT_EQ(after(R"("hello")", R"(replace_match(cache["m"], "hello*", "x", ToUpperCase, "<%s>"))"),
            R"("<X>")");
  EXPECT_EQ(
      after(R"({"a": "/user/1/list/2", "b": "no", "c": 3})",
            R"(replace_all_matches(cache["m"], "/user/*/list/*", "/user/{userId}/list/{listId}"))"),
      R"({"a": "/user/{userId}/list/{listId}", "b": "no", "c": 3})");
  EXPECT_EQ(
      after(
          R"({"a": "hello"})",
          R"(replace_all_matches(cache["m"], "h*", "x", ToUpperCase, replacementFormat = "/%s"))"),
      R"({"a": "/X"})");
  EXPECT_NE(
      after("{}", R"(replace_all_matches(cache["m"], "[a", "x"))").find("is not a valid pattern"),
      std::string::npos);
}

}  // namespace
}  // namespace kernspan::ottl
