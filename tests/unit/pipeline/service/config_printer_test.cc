#include "pipeline/service/config_printer.h"

#include <gmock/gmock.h>

#include "tests/unit/pipeline/service/config_case.h"

namespace kernspan {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigPrinter : public ConfigCase {
 protected:
  std::string print(std::string_view yaml, const std::set<std::string, std::less<>>& secrets = {}) {
    return print_config(parse(yaml), secrets);
  }
};

TEST_F(ConfigPrinter, PrintsWhatLoadsAsTheSameAgain) {
  variables_ = {{"PORT", "4317"}};
  const std::string printed = print(
      "a: {number: 5, text: '5', yes: 'true', empty: '', none: , list: [], dollar: '$$x'}\n"
      "b: ['${PORT}', 'x: y', \"two\\nlines\", '- z', {k: v}]\n");
  EXPECT_EQ(print(printed), printed);
  const ConfigNode again = parse(printed);
  EXPECT_FALSE(find_path(again, {"a", "number"})->quoted());
  EXPECT_TRUE(find_path(again, {"a", "text"})->quoted());
  EXPECT_TRUE(find_path(again, {"a", "yes"})->quoted());
  EXPECT_TRUE(find_path(again, {"a", "none"})->is_null());
  EXPECT_TRUE(find_path(again, {"a", "empty"})->is_scalar());
  EXPECT_EQ(find_path(again, {"a", "dollar"})->text(), "$x");
  EXPECT_EQ(again.find("b")->items()[0].text(), "4317");
  EXPECT_EQ(again.find("b")->items()[2].text(), "two\nlines");
  EXPECT_EQ(again.find("b")->items()[4].find("k")->text(), "v");
}

TEST_F(ConfigPrinter, MasksWhatComponentsCallSecret) {
  const std::string printed = print("exporters: {a: {x: hunter2, y: open}}\n", {"exporters::a::x"});
  EXPECT_THAT(printed,
              AllOf(Not(HasSubstr("hunter2")), HasSubstr("x: \"***\""), HasSubstr("open")));
}

TEST_F(ConfigPrinter, MasksWhatKeysCallSecret) {
  variables_ = {{"TOKEN", "hunter2"}};
  const std::string printed = print(
      "a: {token: hunter2, Authorization: 'Bearer hunter2', api_key: hunter2, x-my-token: "
      "'${TOKEN}'}\n"
      "b: {headers: {accept: hunter2}, tokens: [hunter2, {deep: hunter2}]}\n"
      "c: {endpoint: 'https://user:hunter2@host:1/x@y'}\n"
      "d: {key_pem: hunter2, token_file: /a/b, key_file: /c/d, filename: e}\n");
  EXPECT_THAT(printed, AllOf(Not(HasSubstr("hunter2")), HasSubstr("/a/b"), HasSubstr("/c/d"),
                             HasSubstr("https://user:***@host:1/x@y")));
}

TEST_F(ConfigPrinter, LeavesURLsWithoutPasswordsAlone) {
  EXPECT_THAT(print("a: 'https://host:4317/a@b:c'\n"), HasSubstr("https://host:4317/a@b:c"));
  EXPECT_THAT(print("a: 'https://user@host'\n"), HasSubstr("https://user@host"));
}

}  // namespace
}  // namespace kernspan
