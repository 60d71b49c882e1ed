#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/ottl/ottl_fixture.h"

namespace kernspan::ottl {
namespace {

using ::testing::HasSubstr;

class OttlCompilerTest : public OttlFixture {
 protected:
  // What an expression yields, as the attribute that it was written to.
  std::string value_of(const std::string& expression) {
    request_ = otlp::reference_request(1);
    const std::string error = apply("set(attributes[\"out\"], " + expression + ")");
    if (!error.empty()) return error;
    if (span().attributes_size() == 0) return "nothing";
    return span().attributes(0).value().ShortDebugString();
  }
};

TEST_F(OttlCompilerTest, MatchesArgumentsByPositionAndName) {
  EXPECT_EQ(value_of("Show(1)"), R"(string_value: "int:1")");
  EXPECT_EQ(value_of("Show(1, 2.5, 3)"), R"(string_value: "int:1 like=2.5 count=3")");
  EXPECT_EQ(value_of("Show(1, names=[\"a\", \"b\"], count=-3)"),
            R"(string_value: "int:1 count=-3 name=a name=b")");
  EXPECT_EQ(value_of("Show(value=nil, like=true)"), R"(string_value: "nil like=true")");
  EXPECT_EQ(value_of("Show(name, kind=STATUS_CODE_ERROR, parts=[1, name, 0xff])"),
            R"(string_value: "string:GET /cart part=1 part=GET /cart part=ff kind=2")");
}

TEST_F(OttlCompilerTest, RefusesArgumentsThatDoNotFit) {
  EXPECT_EQ(value_of("Show()"),
            "column 24: value is missing: Show(value, like?, count?, names?, kind?, parts?)");
  EXPECT_THAT(value_of("Half(1, 2)"), HasSubstr("column 32: too many arguments: Half(number)"));
  EXPECT_THAT(value_of("Show(1, cuont=2)"), HasSubstr("no parameter is called cuont"));
  EXPECT_THAT(value_of("Show(count=2, 1)"), HasSubstr("without a name come first"));
  EXPECT_THAT(value_of("Show(1, value=2)"), HasSubstr("value is given twice"));
  EXPECT_THAT(value_of("Show(1, 2, name)"), HasSubstr("must be a literal int: it is read once"));
  EXPECT_THAT(value_of("Show(1, 2, \"3\")"), HasSubstr("must be a literal int, not string"));
  EXPECT_THAT(value_of("Show(1, names=\"a\")"), HasSubstr("names must be a list"));
  EXPECT_THAT(value_of("Show(Half)"), HasSubstr("Half is a converter; it is called with Half("));
  EXPECT_THAT(value_of("Half(\"x\")"), HasSubstr("number: expected int but got string"));
  EXPECT_EQ(value_of("Half(name)"), "expected int but got string");
  EXPECT_EQ(apply("set(1, 2)"), "column 5: target must be a path: it is written");
}

TEST_F(OttlCompilerTest, SuggestsWhatWasMeant) {
  EXPECT_THAT(value_of("Hafl(1)"), HasSubstr("there is no converter Hafl; is Half meant?"));
  EXPECT_EQ(apply("sett(name, \"x\")"), "column 1: there is no editor sett; is set meant?");
  EXPECT_EQ(test("kind == SPAN_KIND_SERVR"),
            "column 9: there is no enum SPAN_KIND_SERVR; is SPAN_KIND_SERVER meant?");
  EXPECT_EQ(test("nmae == \"x\""), "column 1: the span has no path \"nmae\"; is \"name\" meant?");
  EXPECT_THAT(test("attributes.http == 1"), HasSubstr("column 1: the span has no path"));
}

TEST_F(OttlCompilerTest, IndexesConverters) {
  EXPECT_EQ(value_of("Pair(1, {\"a\": [2, 3]})[1][\"a\"][0]"), "int_value: 2");
  EXPECT_EQ(value_of("Pair(1, {})[1][\"a\"]"), "nothing");
  EXPECT_EQ(value_of("Pair(1, 2)[2]"), "index 2 is out of bounds of a list of 2");
  EXPECT_EQ(value_of("Pair(1, 2)[\"a\"]"), "a list is indexed by ints, not by string");
  EXPECT_EQ(value_of("Half(4)[0]"), "int cannot be indexed");
  EXPECT_EQ(value_of("Pair(1, 2)[Half(2)]"), "int_value: 2");
}

TEST_F(OttlCompilerTest, Calculates) {
  EXPECT_EQ(value_of("1 + 2 * 3"), "int_value: 7");
  EXPECT_EQ(value_of("7 / 2"), "int_value: 3");
  EXPECT_EQ(value_of("7 / 2.0"), "double_value: 3.5");
  EXPECT_EQ(value_of("-(Half(8) - 1)"), "int_value: -3");
  EXPECT_EQ(value_of("end_time_unix_nano - start_time_unix_nano"), "int_value: 1000000");
  EXPECT_EQ(value_of("Show(end_time - start_time)"), R"(string_value: "duration:1ms")");
  EXPECT_EQ(value_of("9223372036854775807 + 1"), "int_value: -9223372036854775808");
  EXPECT_EQ(value_of("-9223372036854775808 / -1"), "int_value: -9223372036854775808");
  EXPECT_THAT(value_of("1 / 0"), HasSubstr("a division by 0"));
  EXPECT_EQ(value_of("Half(2) / (Half(2) - 1)"), "a division by 0");
  EXPECT_EQ(value_of("name + 1"), "string + int cannot be calculated");
  EXPECT_EQ(value_of("-name"), "a string has no negative");
}

TEST_F(OttlCompilerTest, HandsConvertersOn) {
  attribute(span(), "n").set_int_value(9);
  EXPECT_EQ(apply("apply(attributes[\"n\"], Half)"), "");
  EXPECT_EQ(span().attributes(0).value().int_value(), 4);
  EXPECT_EQ(apply("apply(attributes[\"n\"], SECOND)"), "") << "in capitals it is one as well";
  EXPECT_EQ(span().attributes(0).value().string_value(), "4s");
  EXPECT_EQ(apply("apply(attributes[\"n\"], Half)"), "expected int but got string");
  EXPECT_THAT(apply("apply(attributes[\"n\"], Hlaf)"), HasSubstr("is Half meant?"));
  EXPECT_THAT(apply("apply(attributes[\"n\"], Pair)"), HasSubstr("does not take one argument"));
  EXPECT_THAT(apply("apply(attributes[\"n\"], 1)"), HasSubstr("must be a converter's name"));
}

TEST_F(OttlCompilerTest, SaysWhatABuilderRefuses) {
  FunctionTable table = language_functions();
  table.add({"Refused", {}, [](Arguments&) -> Result<Callable> { return permanent("no luck"); }});
  const auto condition = Condition::compile("true or Refused()", Context::kSpan, table);
  ASSERT_FALSE(condition);
  EXPECT_EQ(condition.error().message, "column 9: Refused: no luck");
}

}  // namespace
}  // namespace kernspan::ottl
