#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

using ListFunctions = FunctionFixture;

TEST_F(ListFunctions, KeysAndValues) {
  expect({
      {R"(Keys({"k1": "v1", "k2": "v2"}))", R"(["k1", "k2"])"},
      {R"(Keys(attributes))", R"(["text", "int", "double"])"},
      {R"(Keys({}))", "[]"},
      {R"(Keys("a"))", "error: expected map"},
      {R"(Values({"key1": "value1", "key2": 5, "key3": [1, 2], "key4": {"b1": "c"}}))",
       R"(["value1", 5, [1, 2], {"b1": "c"}])"},
      {R"(Values(attributes["none"]))", "error: expected map but got nil"},
  });
}

TEST_F(ListFunctions, ContainsValueAndIndex) {
  expect({
      {R"(ContainsValue([1, 2, 3, 4, 5], 3))", "true"},
      {R"(ContainsValue([1.1, 2.2, 3.3, 4.4], 4.4))", "true"},
      {R"(ContainsValue(["GET", "PUT", "POST"], "GET"))", "true"},
      {R"(ContainsValue(["GET", "PUT"], "DELETE"))", "false"},
      {R"(ContainsValue([1, 2], 2.0))", "true"},
      {R"(ContainsValue([], 1))", "false"},
      {R"(ContainsValue("GET", "G"))", "error: expected list"},
      {R"(Index("hello world", "world"))", "6"},
      {R"(Index("hello world", "foo"))", "-1"},
      {R"(Index("hello", ""))", "0"},
      {R"(Index(["a", "b", "c"], "b"))", "1"},
      {R"(Index([95, 96], 97))", "-1"},
      {R"(Index("hello", 1))", "error: when source is string, value must also be string"},
      {R"(Index(1, 1))", "error: source must be of type string or slice"},
  });
}

TEST_F(ListFunctions, Sort) {
  expect({
      {R"(Sort([9, 6, 3]))", "[3, 6, 9]"},
      {R"(Sort([3, 6, 9], "desc"))", "[9, 6, 3]"},
      {R"(Sort(["i", "am", "awesome", "slice"]))", R"(["am", "awesome", "i", "slice"])"},
      {R"(Sort([1.5, 10.2, 2.3, 0.5]))", "[0.5, 1.5, 2.3, 10.2]"},
      {R"(Sort([]))", "[]"},
      {R"(Sort([true, false, true, false]))", "[false, false, true, true]"},
      {R"(Sort([1, "two", 3.33, false]))", R"([1, 3.33, false, "two"])"},
      {R"(Sort([1.5, "10.2", 2.3, 0.5]))", R"([0.5, 1.5, "10.2", 2.3])"},
      {R"(Sort([0, 2, 3.33, 0]))", "[0, 0, 2, 3.33]"},
      {R"(Sort([3.14, 2, 3.33, 0], "desc"))", "[3.33, 3.14, 2, 0]"},
      {R"(Sort({"k": "v"}))", "error: sort with unsupported type"},
      {R"(Sort(nil))", "error: sort with unsupported type"},
      {R"(Sort("no change"))", "error: sort with unsupported type"},
      {R"(Sort([{"a": 1}]))", "error: sort with unsupported type"},
      {R"(Sort([1], "up"))", "error: Order should be either"},
  });
}

TEST_F(ListFunctions, SliceToMap) {
  const std::string things =
      R"([{"name": "foo", "value": 2}, {"name": "bar", "value": 5}, "no map"])";
  expect({
      {"SliceToMap(" + things + R"(, ["name"]))",
       R"({"foo": {"name": "foo", "value": 2}, "bar": {"name": "bar", "value": 5}})"},
      {"SliceToMap(" + things + ")",
       R"({"0": {"name": "foo", "value": 2}, "1": {"name": "bar", "value": 5}})"},
      {"SliceToMap(" + things + R"(, ["name"], ["value"]))", R"({"foo": 2, "bar": 5})"},
      {R"(SliceToMap([{"a": {"b": "k"}, "c": {"d": 1}}], ["a", "b"], ["c", "d"]))", R"({"k": 1})"},
      {R"(SliceToMap([{"name": 1}], ["name"]))", "{}"},
      {R"(SliceToMap([{"name": "a"}], ["name"], ["none"]))", "{}"},
      {R"(SliceToMap("a", ["name"]))", "error: unsupported type provided to SliceToMap function"},
  });
}

}  // namespace
}  // namespace kernspan::ottl
