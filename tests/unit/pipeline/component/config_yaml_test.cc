#include "pipeline/component/config_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace kernspan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ConfigYaml : public ::testing::Test {
 protected:
  Result<ConfigNode> parse(std::string_view yaml) {
    return parse_config(
        yaml, "a.yaml",
        [this](std::string_view name) -> std::optional<std::string> {
          const auto found = variables_.find(name);
          if (found == variables_.end()) return std::nullopt;
          return found->second;
        },
        warnings_);
  }

  // The node below the keys, which must exist.
  const ConfigNode& get(std::string_view yaml, std::initializer_list<const char*> keys) {
    Result<ConfigNode> parsed = parse(yaml);
    EXPECT_TRUE(parsed) << parsed.error().message;
    root_ = parsed.value_or(ConfigNode());
    const ConfigNode* node = &root_;
    for (const char* key : keys) {
      node = node->find(key);
      if (node == nullptr) break;
    }
    static const ConfigNode kAbsent;
    EXPECT_NE(node, nullptr);
    return node != nullptr ? *node : kAbsent;
  }

  std::string text_of(std::string_view value) {
    return get(std::string("key: ").append(value), {"key"}).text();
  }

  std::string error_of(std::string_view yaml) {
    const Result<ConfigNode> parsed = parse(yaml);
    return parsed ? "" : parsed.error().message;
  }

  std::map<std::string, std::string, std::less<>> variables_;
  ConfigWarnings warnings_;
  ConfigNode root_;
};

TEST_F(ConfigYaml, RemembersWhereEachValueStands) {
  constexpr const char* kYaml =
      "receivers:\n"
      "  otlp:\n"
      "    endpoint: host:1\n"
      "    list: [a, b]\n";
  EXPECT_EQ(get(kYaml, {"receivers", "otlp", "endpoint"}).position().to_string(), "a.yaml:3:15");
  EXPECT_EQ(get(kYaml, {"receivers", "otlp", "list"}).items()[1].position().to_string(),
            "a.yaml:4:15");
  const ConfigEntry& entry = get(kYaml, {"receivers"}).entries()[0];
  EXPECT_EQ(entry.key, "otlp");
  EXPECT_EQ(entry.position.to_string(), "a.yaml:2:3");
}

TEST_F(ConfigYaml, AnEmptyValueIsNullAtItsKey) {
  const ConfigNode& node = get("processors:\n  batch:\n  other: 1\n", {"processors", "batch"});
  EXPECT_TRUE(node.is_null());
  EXPECT_EQ(node.position().to_string(), "a.yaml:2:3");
}

TEST_F(ConfigYaml, AnEmptyDocumentIsNull) {
  EXPECT_TRUE(get("", {}).is_null());
  EXPECT_TRUE(get("# nothing but a comment\n", {}).is_null());
}

TEST_F(ConfigYaml, ExpandsReferences) {
  variables_ = {{"A", "alpha"}, {"EMPTY", ""}, {"_b1", "beta"}};
  EXPECT_EQ(text_of("${A}"), "alpha");
  EXPECT_EQ(text_of("${env:A}"), "alpha");
  EXPECT_EQ(text_of("\"<${A}-${env:_b1}>\""), "<alpha-beta>");
  EXPECT_EQ(text_of("${env:A:-other}"), "alpha");
  EXPECT_EQ(text_of("${env:NO:-other}"), "other");
  EXPECT_EQ(text_of("${env:NO:-}"), "");
  EXPECT_EQ(text_of("${env:NO:-${A}}"), "alpha");
  EXPECT_EQ(text_of("${env:EMPTY:-other}"), "");  // set, if to nothing
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(ConfigYaml, LeavesOtherDollarsAlone) {
  variables_ = {{"A", "alpha"}};
  EXPECT_EQ(text_of("$A"), "$A");
  EXPECT_EQ(text_of("a$"), "a$");
  EXPECT_EQ(text_of("$$"), "$");
  EXPECT_EQ(text_of("$${A}"), "${A}");
  EXPECT_EQ(text_of("$$${A}"), "$alpha");
  EXPECT_EQ(text_of("'^a$|b$'"), "^a$|b$");
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(ConfigYaml, DoesNotExpandValuesOrKeys) {
  variables_ = {{"PASSWORD", "a${A}$$b"}, {"A", "alpha"}};
  EXPECT_EQ(text_of("${PASSWORD}"), "a${A}$$b");
  EXPECT_EQ(get("${A}: 1\n", {"${A}"}).text(), "1");
}

TEST_F(ConfigYaml, WarnsOfUnsetVariables) {
  EXPECT_EQ(text_of("\"<${NO}>\""), "<>");
  EXPECT_THAT(warnings_.messages,
              ElementsAre(StartsWith("a.yaml:1:6: the environment variable NO is not set")));
}

TEST_F(ConfigYaml, WarnsOfUnclosedReferences) {
  EXPECT_EQ(text_of("\"${A\""), "${A");
  EXPECT_THAT(warnings_.messages, ElementsAre(HasSubstr("no closing brace")));
}

TEST_F(ConfigYaml, ADefaultWithoutTheSchemeIsADeviation) {
  EXPECT_EQ(text_of("${NO:-other}"), "other");
  EXPECT_THAT(warnings_.messages, IsEmpty());
  ASSERT_EQ(warnings_.deviations.size(), 1u);
  EXPECT_EQ(warnings_.deviations[0].rule, "default_without_env");
  EXPECT_EQ(warnings_.deviations[0].as_error(),
            "a.yaml:1:6: \"${NO:-other}\" has a default and no \"env:\"; write ${env:NO:-other}");
}

TEST_F(ConfigYaml, TakesTextInTheReference) {
  EXPECT_EQ(text_of("\"${yaml:a b}\""), "a b");
  EXPECT_EQ(get("key: \"${yaml:[a, b]}\"\n", {"key"}).items()[1].text(), "b");
}

// Files with the given contents, which go with the test.
class IncludedFiles : public ConfigYaml {
 protected:
  IncludedFiles() {
    std::string pattern = ::testing::TempDir() + "includedXXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~IncludedFiles() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ / name;
    std::ofstream(path) << text;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(IncludedFiles, AreReadAsYaml) {
  const std::string token = write("token", "s3cr$t${A}\n");
  EXPECT_EQ(text_of("${file:" + token + "}"), "s3cr$t${A}");
  EXPECT_THAT(root_.find("key")->describe(), Not(HasSubstr("s3cr")));
  EXPECT_EQ(text_of("\"Bearer ${file:" + token + "}\""), "Bearer s3cr$t${A}");
  variables_ = {{"DIR", folder_.string()}};
  EXPECT_EQ(text_of("${file:${env:DIR}/token}"), "s3cr$t${A}");
}

TEST_F(IncludedFiles, MayBePartsOfAConfigurationWithPlacesOfTheirOwn) {
  variables_ = {{"A", "alpha"}};
  const std::string path = write("part.yaml", "one: 1\ntwo: [x, \"${A}\"]\n");
  const ConfigNode node = get("key: ${file:" + path + "}\n", {"key"});
  ASSERT_TRUE(node.is_map());
  EXPECT_EQ(node.find("two")->items()[1].text(), "alpha");
  EXPECT_EQ(node.find("two")->items()[1].position().to_string(), path + ":2:10");
  EXPECT_THAT(error_of("key: ${file:" + write("bad.yaml", "a: ${1}\n") + "}\n"),
              StartsWith((folder_ / "bad.yaml").string() + ":1:4: "));
}

TEST_F(IncludedFiles, MustBeThereAndOfModestSize) {
  EXPECT_THAT(error_of("key: ${file:" + (folder_ / "none").string() + "}\n"),
              HasSubstr("No such file or directory"));
  EXPECT_THAT(error_of("key: ${file:" + folder_.string() + "}\n"), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of("key: ${file:" + write("big", std::string((1 << 20) + 1, 'x')) + "}\n"),
              HasSubstr("larger than"));
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(error_of("key: ${file:" + (folder_ / "pipe").string() + "}\n"),
              HasSubstr("not a regular file"));
}

TEST_F(IncludedFiles, MayNotIncludeThemselves) {
  const std::string path = folder_ / "loop.yaml";
  write("loop.yaml", "a: ${file:" + path + "}\nb: ${file:" + path + "}\n");
  EXPECT_THAT(error_of("key: ${file:" + path + "}\n"), HasSubstr("more than 8 deep"));
}

TEST_F(ConfigYaml, RefusesReferencesItCannotResolve) {
  EXPECT_THAT(
      error_of("a: 1\nb: ${https://x/y}\n"),
      StartsWith("a.yaml:2:4: \"${https://x/y}\": the provider \"https\" is not supported"));
  EXPECT_THAT(error_of("a: ${1A}\n"), StartsWith("a.yaml:1:4: \"${1A}\": \"1A\" is not the name"));
  EXPECT_THAT(error_of("a: ${}\n"), StartsWith("a.yaml:1:4: "));
  std::string deep = "x";
  for (int i = 0; i < 20; ++i) deep = "${env:NO:-" + deep + "}";
  EXPECT_THAT(error_of("a: \"" + deep + "\"\n"), HasSubstr("nested more than"));
}

TEST_F(ConfigYaml, AWholeReferenceMayHoldAListOrAMap) {
  variables_ = {{"LIST", "[a, $b]"}, {"MAP", "{k: v}"}, {"NOT_YAML", "[}{"}};
  const ConfigNode list = get("key: ${LIST}\n", {"key"});
  ASSERT_TRUE(list.is_list());
  EXPECT_EQ(list.items()[1].text(), "$b");
  EXPECT_EQ(list.items()[1].position().to_string(), "a.yaml:1:6");
  EXPECT_EQ(list.text(), "[a, $b]");
  EXPECT_TRUE(get("key: ${MAP}\n", {"key"}).is_map());
  EXPECT_TRUE(get("key: ${NOT_YAML}\n", {"key"}).is_scalar());
  EXPECT_TRUE(get("key: \"-${LIST}\"\n", {"key"}).is_scalar());
}

TEST_F(ConfigYaml, NeverShowsWhatCameFromTheEnvironment) {
  variables_ = {{"SECRET", "hunter2"}, {"SECRET_LIST", "[hunter2]"}};
  EXPECT_THAT(get("key: ${SECRET}\n", {"key"}).describe(), Not(HasSubstr("hunter2")));
  EXPECT_EQ(get("key: a${SECRET}\n", {"key"}).shown(), "a${SECRET}");
  const ConfigNode list = get("key: ${SECRET_LIST}\n", {"key"});
  EXPECT_THAT(list.describe(), Not(HasSubstr("hunter2")));
  EXPECT_THAT(list.items()[0].describe(), Not(HasSubstr("hunter2")));
}

TEST_F(ConfigYaml, RefusesAKeyThatStandsTwice) {
  EXPECT_EQ(
      error_of("a:\n  b: 1\n  c: 2\n  b: 3\n"),
      "a.yaml:4:3: the key \"b\" stands here a second time (first in line 2); remove or rename "
      "one");
}

TEST_F(ConfigYaml, RefusesMalformedYaml) {
  EXPECT_THAT(error_of("a:\n  - b\n c: [1\n"), StartsWith("a.yaml:3:"));
  EXPECT_THAT(error_of("a: {b: c\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(error_of("[a]: b\n"), HasSubstr("a key must be a plain word"));
}

TEST_F(ConfigYaml, ReportsSeveralProblemsAtOnce) {
  EXPECT_THAT(error_of("a: ${1}\nb: ${2}\n"),
              ::testing::AllOf(HasSubstr("a.yaml:1:4"), HasSubstr("\na.yaml:2:4")));
}

TEST_F(ConfigYaml, ResolvesAliasesAndMergeKeys) {
  constexpr const char* kYaml =
      "base: &base {x: 1, y: 2}\n"
      "one: {<<: *base, y: 3}\n"
      "two: *base\n";
  EXPECT_EQ(get(kYaml, {"one", "x"}).text(), "1");
  EXPECT_EQ(get(kYaml, {"one", "y"}).text(), "3");
  EXPECT_EQ(get(kYaml, {"two", "y"}).text(), "2");
  EXPECT_THAT(error_of("a: {<<: 5}\n"), HasSubstr("takes a map or a list of maps"));
}

TEST_F(ConfigYaml, BoundsAliasesThatMultiply) {
  std::string yaml = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int n = 0; n < 10; ++n) yaml += below + (n < 9 ? "," : "]\n");
  }
  EXPECT_THAT(error_of(yaml), HasSubstr("look for aliases that multiply"));
}

TEST_F(ConfigYaml, BoundsTextThatMultiplies) {
  std::string yaml = "a: &a \"" + std::string(1 << 20, 'x') + "\"\nb: [";
  for (int i = 0; i < 200; ++i) yaml += "*a,";
  EXPECT_THAT(error_of(yaml + "]\n"), HasSubstr("look for aliases that multiply"));
  variables_ = {{"LONG", std::string(1 << 20, 'x')}};
  std::string references;
  for (int i = 0; i < 20; ++i) references += "${LONG}";
  EXPECT_THAT(error_of("a: \"" + references + "\"\n"), HasSubstr("the value is larger than"));
}

TEST_F(ConfigYaml, BoundsListsThatReferencesHold) {
  std::string list = "[";
  for (int i = 0; i < 60'000; ++i) list += "x,";
  variables_ = {{"LIST", list + "]"}};
  EXPECT_THAT(error_of("a: ${LIST}\nb: ${LIST}\n"), HasSubstr("too many values"));
}

TEST_F(ConfigYaml, BoundsTheKeysOfAMap) {
  std::string yaml;
  for (int i = 0; i < 10'001; ++i) yaml += "k" + std::to_string(i) + ": 1\n";
  EXPECT_THAT(error_of(yaml), HasSubstr("a map has at most 10000 keys"));
}

TEST_F(ConfigYaml, BoundsNesting) {
  const std::string yaml = "a: " + std::string(100, '[') + std::string(100, ']') + "\n";
  EXPECT_THAT(error_of(yaml), HasSubstr("64 levels"));
}

TEST(ScalarType, FollowsTheCoreSchema) {
  for (const char* text : {"", "~", "null", "NULL"}) {
    EXPECT_EQ(scalar_type(text), ScalarType::kNull) << text;
  }
  for (const char* text : {"true", "False", "TRUE"}) {
    EXPECT_EQ(scalar_type(text), ScalarType::kBoolean) << text;
  }
  for (const char* text : {"0", "-5", "+7", "0x1F", "0o17", "0123"}) {
    EXPECT_EQ(scalar_type(text), ScalarType::kInteger) << text;
  }
  for (const char* text : {"1.5", "-.5", "1e3", "5.", ".inf", "-.inf", ".nan"}) {
    EXPECT_EQ(scalar_type(text), ScalarType::kNumber) << text;
  }
  for (const char* text : {"yes", "on", "1s", "0x", "1.2.3", "inf", "nan", "-", ".", "1 2", "1e"}) {
    EXPECT_EQ(scalar_type(text), ScalarType::kString) << text;
  }
}

TEST_F(ConfigYaml, CanBeRewritten) {
  ConfigNode root = get("a: {x: 1}\nb:\n", {});
  root.find("a")->set("x", {}, ConfigNode::scalar({}, "2", "2", false));
  root.find("b")->set("y", {}, ConfigNode::null({}));
  root.find("b")->find("y")->append(ConfigNode::scalar({}, "z", "z", true));
  EXPECT_EQ(root.find("a")->find("x")->text(), "2");
  EXPECT_EQ(root.find("b")->find("y")->items()[0].text(), "z");
  root.erase("a");
  EXPECT_EQ(root.find("a"), nullptr);
}

TEST_F(ConfigYaml, MergesMapsAndReplacesTheRest) {
  ConfigNode merged = get("a: {x: 1, y: [1, 2]}\nb: 5\nc: {d: 1}\n", {});
  merged.merge(get("a: {y: [3], z: 4}\nb: {k: v}\nc:\n", {}));
  EXPECT_EQ(merged.find("a")->find("x")->text(), "1");
  ASSERT_EQ(merged.find("a")->find("y")->items().size(), 1u);
  EXPECT_EQ(merged.find("a")->find("y")->items()[0].text(), "3");
  EXPECT_EQ(merged.find("a")->find("z")->text(), "4");
  EXPECT_EQ(merged.find("b")->find("k")->text(), "v");
  EXPECT_TRUE(merged.find("c")->is_null());  // as upstream: null replaces
}

}  // namespace
}  // namespace kernspan
