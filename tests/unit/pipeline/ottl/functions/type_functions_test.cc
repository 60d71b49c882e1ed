#include <fstream>
#include <iterator>

#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

using TypeFunctions = FunctionFixture;

TEST_F(TypeFunctions, AskForTheType) {
  expect({
      {R"(IsString("a"))", "true"},
      {R"(IsString(1))", "false"},
      {R"(IsString(attributes["text"]))", "true"},
      {R"(IsString(attributes["none"]))", "false"},
      {R"(IsInt(1))", "true"},
      {R"(IsInt(1.0))", "false"},
      {R"(IsInt(attributes["int"]))", "true"},
      {R"(IsDouble(2.3))", "true"},
      {R"(IsDouble(2))", "false"},
      {R"(IsBool(false))", "true"},
      {R"(IsBool(42))", "false"},
      {R"(IsMap(attributes))", "true"},
      {R"(IsMap({"a": 1}))", "true"},
      {R"(IsMap("a"))", "false"},
      {R"(IsList([1, 2]))", "true"},
      {R"(IsList(attributes))", "false"},
      {R"(IsEmpty(nil))", "true"},
      {R"(IsEmpty(""))", "true"},
      {R"(IsEmpty(0))", "true"},
      {R"(IsEmpty(false))", "true"},
      {R"(IsEmpty([]))", "true"},
      {R"(IsEmpty({}))", "true"},
      {R"(IsEmpty(attributes["none"]))", "true"},
      {R"(IsEmpty(SpanID(0x0000000000000000)))", "true"},
      {R"(IsEmpty("a"))", "false"},
      {R"(IsEmpty([0]))", "false"},
      {R"(IsEmpty(attributes))", "false"},
  });
}

TEST_F(TypeFunctions, IsMatch) {
  expect({
      {R"(IsMatch("string", ".*ring"))", "true"},
      {R"(IsMatch("hello world", "not matched"))", "false"},
      {R"(IsMatch(true, "true"))", "true"},
      {R"(IsMatch(10, `\d`))", "error: "},
      {R"(IsMatch(10, "\\d"))", "true"},
      {R"(IsMatch(3.14, "3.1"))", "true"},
      {R"(IsMatch([1, 2], "\\[1,2\\]"))", "true"},
      {R"(IsMatch(attributes["none"], "impossible to match"))", "false"},
      {R"(IsMatch("a", attributes["text"]))", "false"},
      {R"(IsMatch("a text!", attributes["text"]))", "true"},
      {R"(IsMatch("a", "*"))",
       "error: error parsing regexp: no argument for repetition operator: *"},
  });
}

TEST_F(TypeFunctions, Conversions) {
  expect({
      {R"(Int("50"))", "50"},
      {R"(Int(""))", "nil"},
      {R"(Int("test"))", "nil"},
      {R"(Int(333))", "333"},
      {R"(Int(2.7))", "2"},
      {R"(Int(55.0))", "55"},
      {R"(Int(true))", "1"},
      {R"(Int(false))", "0"},
      {R"(Int(nil))", "nil"},
      {R"(Double("50.5"))", "50.5"},
      {R"(Double("test"))", "error: "},
      {R"(Double(""))", "error: "},
      {R"(Double(2))", "2.0"},
      {R"(Double(true))", "1.0"},
      {R"(Double(nil))", "nil"},
      {R"(Bool("true"))", "true"},
      {R"(Bool("0"))", "false"},
      {R"(Bool("TRUE"))", "true"},
      {R"(Bool("f"))", "false"},
      {R"(Bool("TrUe"))", "error: "},
      {R"(Bool("6"))", "error: "},
      {R"(Bool([]))", "error: "},
      {R"(Bool(nil))", "nil"},
      {R"(Bool(2.5))", "true"},
      {R"(Bool(0))", "false"},
      {R"(String("test"))", R"("test")"},
      {R"(String(333))", R"("333")"},
      {R"(String(2.7))", R"("2.7")"},
      {R"(String(55.0))", R"("55")"},
      {R"(String(false))", R"("false")"},
      {R"(String(nil))", "nil"},
      {R"(String(0x7b))", R"("7b")"},
      {R"(String({"1": true, "2": false}))", R"("{"1":true,"2":false}")"},
      {R"(String([1, 2, 3]))", R"("[1,2,3]")"},
  });
}

TEST_F(TypeFunctions, Coalesce) {
  expect({
      {R"(Coalesce([attributes["none"], attributes["text"], "unknown"]))", R"("a text")"},
      {R"(Coalesce([attributes["none"], nil]))", "nil"},
      {R"(Coalesce([attributes["none"], 7]))", "7"},
      {R"(Coalesce([]))", "error: Coalesce requires at least one argument"},
  });
}

TEST_F(TypeFunctions, Len) {
  expect({
      {R"(Len("hello"))", "5"},
      {R"(Len([1, 2, 3]))", "3"},
      {R"(Len(attributes))", "3"},
      {R"(Len(24))", "error: target arg must be of type string"},
      {R"(Len(nil))", "error: target arg must be of type string"},
  });
}

TEST_F(TypeFunctions, Log) {
  expect({
      {R"(Log(1))", "0.0"},
      {R"(Log("1"))", "0.0"},
      {R"(Log(true))", "0.0"},
      {R"(Int(Log(1000)))", "6"},
      {R"(Log(0))", "error: could not take the logarithm"},
      {R"(Log(-5.5))", "error: could not take the logarithm"},
      {R"(Log(false))", "error: could not take the logarithm"},
      {R"(Log(nil))", "error: "},
      {R"(Log([1]))", "error: "},
  });
}

TEST_F(TypeFunctions, IsValidLuhn) {
  expect({
      {R"(IsValidLuhn("17893729974"))", "true"},
      {R"(IsValidLuhn("1789 3729 974"))", "true"},
      {R"(IsValidLuhn(""))", "false"},
      {R"(IsValidLuhn("0"))", "true"},
      {R"(IsValidLuhn(17893729974))", "true"},
      {R"(IsValidLuhn("17893729975"))", "false"},
      {R"(IsValidLuhn("test"))", "error: invalid"},
      {R"(IsValidLuhn(false))", "error: invalid"},
      {R"(IsValidLuhn(30.3))", "error: invalid"},
      {R"(IsValidLuhn(nil))", "error: invalid"},
  });
}

TEST(StandardFunctions, AreAllDocumented) {
  std::ifstream file(KERNSPAN_SOURCE_DIR "/docs/ottl.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  const std::vector<std::string> names = standard_functions().names();
  EXPECT_GE(names.size(), 100U);
  for (const std::string& name : names) {
    const Function& function = *standard_functions().find(name);
    std::string signature = "`" + name + "(";
    for (const Parameter& parameter : function.parameters) {
      if (!signature.ends_with('(')) signature += ", ";
      signature += parameter.name;
      if (parameter.is_optional) signature += '?';
    }
    EXPECT_NE(page.find(signature + ")`"), std::string::npos) << signature << ")";
  }
}

}  // namespace
}  // namespace kernspan::ottl
