#include "pipeline/ottl/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/ottl/ottl_fixture.h"

namespace kernspan::ottl {
namespace {

using ::testing::HasSubstr;

class OttlConditionTest : public OttlFixture {
 protected:
  OttlConditionTest() {
    attribute(span(), "http.route").set_string_value("/health");
    attribute(span(), "code").set_int_value(200);
    attribute(span(), "ratio").set_double_value(0.5);
    attribute(span(), "retry").set_bool_value(true);
    attribute(span(), "raw").set_bytes_value("\x01\x02");
    attribute(span(), "empty");
    auto& list = *attribute(span(), "list").mutable_array_value();
    list.add_values()->set_string_value("a");
    list.add_values()->set_int_value(2);
    auto& inner = *attribute(span(), "map").mutable_kvlist_value()->add_values();
    inner.set_key("inner");
    inner.mutable_value()->mutable_array_value()->add_values()->set_string_value("deep");
    attribute(span(), "http.route").set_string_value("/second");
  }
};

TEST_F(OttlConditionTest, ComparesAttributes) {
  EXPECT_EQ(test(R"(attributes["http.route"] == "/health")"), "true");
  EXPECT_EQ(test(R"("/health" == attributes["http.route"])"), "true");
  EXPECT_EQ(test(R"(span.attributes["http.route"] != "/health")"), "false");
  EXPECT_EQ(test(R"(attributes["code"] >= 200 and attributes["code"] < 300)"), "true");
  EXPECT_EQ(test(R"(200.5 > attributes["code"])"), "true");
  EXPECT_EQ(test(R"(attributes["code"] == "200")"), "false");
  EXPECT_EQ(test(R"(attributes["ratio"] == 0.5)"), "true");
  EXPECT_EQ(test(R"(attributes["retry"] == true)"), "true");
  EXPECT_EQ(test(R"(attributes["raw"] == 0x0102)"), "true");
  EXPECT_EQ(test(R"(attributes["none"] == nil)"), "true");
  EXPECT_EQ(test(R"(attributes["none"] != nil)"), "false");
  EXPECT_EQ(test(R"(attributes["empty"] == nil)"), "true");
  EXPECT_EQ(test(R"(attributes["none"] < 1)"), "false");
  EXPECT_EQ(test(R"(attributes["code"] == attributes["code"])"), "true");
  EXPECT_EQ(test(R"(attributes["list"] == ["a", 2])"), "true");
  EXPECT_EQ(test(R"(attributes["map"] == {"inner": ["deep"]})"), "true");
}

TEST_F(OttlConditionTest, IndexesNestedValues) {
  EXPECT_EQ(test(R"(attributes["list"][0] == "a")"), "true");
  EXPECT_EQ(test(R"(attributes["map"]["inner"][0] == "deep")"), "true");
  EXPECT_EQ(test(R"(attributes["map"]["none"]["more"] == nil)"), "true");
  EXPECT_EQ(test(R"(attributes["none"]["more"][3] == nil)"), "true");
  EXPECT_EQ(test(R"(attributes["list"][2] == "a")"), "index 2 is out of bounds of a list of 2");
  EXPECT_EQ(test(R"(attributes["list"][-1] == "a")"), "index -1 is out of bounds of a list of 2");
  EXPECT_EQ(test(R"(attributes["list"]["a"] == 1)"), "a list is indexed by ints, not by string");
  EXPECT_EQ(test(R"(attributes["code"]["a"] == 1)"), "int cannot be indexed");
  EXPECT_EQ(test(R"(attributes[0] == 1)"), "column 1: attributes is indexed by strings");
  EXPECT_EQ(test(R"(attributes[name] == nil)"), "true") << "a key that is computed";
  EXPECT_EQ(test(R"(attributes[kind] == nil)"), "a map is indexed by strings, not by int");
}

TEST_F(OttlConditionTest, StopsWhereItIsDecided) {
  EXPECT_EQ(test(R"(true or attributes["list"][9] == 1)"), "true");
  EXPECT_EQ(test(R"(false and attributes["list"][9] == 1)"), "false");
  EXPECT_EQ(test(R"(attributes["list"][9] == 1 or true)"),
            "index 9 is out of bounds of a list of 2");
  EXPECT_EQ(test(R"(not (kind == SPAN_KIND_SERVER and IsNil(attributes["x"])))"), "false");
  EXPECT_EQ(test("not true or not false"), "true");
}

TEST_F(OttlConditionTest, TakesBoolsOfConvertersOnly) {
  EXPECT_EQ(test(R"(IsNil(attributes["none"]))"), "true");
  EXPECT_EQ(test("Half(4)"), "the converter of a condition yields int instead of a bool");
  EXPECT_EQ(test("Half(4) == 2"), "true");
}

TEST_F(OttlConditionTest, SeesTheContextsAbove) {
  scope().set_version("1.2");
  EXPECT_EQ(test(R"(resource.attributes["service.name"] == "shop")"), "true");
  EXPECT_EQ(test(R"(instrumentation_scope.name == scope.name and scope.version == "1.2")"), "true");
  EXPECT_EQ(test(R"(attributes["service.name"] == "shop")", Context::kResource), "true");
  EXPECT_EQ(test(R"(name == "reference")", Context::kScope), "true");
  EXPECT_EQ(test(R"(span.name == "x")", Context::kResource),
            "column 1: span.name is of the context span, and this is the context resource");
}

TEST_F(OttlConditionTest, HoldsForASpanOfWhichOneEventDoes) {
  EXPECT_EQ(test("name == \"retry\"", Context::kSpanEvent), "false");
  span().add_events()->set_name("start");
  auto& event = *span().add_events();
  event.set_name("retry");
  attribute(event, "n").set_int_value(3);
  EXPECT_EQ(test("name == \"retry\"", Context::kSpanEvent), "true");
  EXPECT_EQ(test(R"(spanevent.attributes["n"] == 3 and event_index == 1)", Context::kSpanEvent),
            "true");
  EXPECT_EQ(test(R"(span.name == "GET /cart" and attributes["n"] > 3)", Context::kSpanEvent),
            "false");
  EXPECT_EQ(test("Half(name) == 1", Context::kSpanEvent), "expected int but got string");
}

TEST_F(OttlConditionTest, KeepsItsPlaceInTheText) {
  EXPECT_THAT(test("name == \"x\" and nothing == 1"), HasSubstr("column 17: "));
}

}  // namespace
}  // namespace kernspan::ottl
