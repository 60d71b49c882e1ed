// Editors of maps and lists.
#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

class Editors : public FunctionFixture {
 protected:
  void expect_error(const std::string& before, const std::string& statement,
                    const std::string& message) {
    const std::string found = after(before, statement);
    EXPECT_NE(found.find(message), std::string::npos) << statement << " yields " << found;
  }
  const std::string map_ = R"({"test": "hello world", "test2": 3, "test3": true})";
};

TEST_F(Editors, Set) {
  EXPECT_EQ(after(R"("a")", R"(set(cache["m"], name))"), R"("GET /cart")");
  EXPECT_EQ(after(R"("a")", R"(set(cache["m"], attributes["none"]))"), R"("a")")
      << "nil sets nothing";
  EXPECT_EQ(after(R"({"a": 1})", R"(set(cache["m"]["b"], 2))"), R"({"a": 1, "b": 2})");
}

TEST_F(Editors, DeleteKeys) {
  EXPECT_EQ(after(map_, R"(delete_key(cache["m"], "test"))"), R"({"test2": 3, "test3": true})");
  EXPECT_EQ(after(map_, R"(delete_key(cache["m"], "not a valid key"))"), map_);
  expect_error("1", R"(delete_key(cache["m"], "test"))", "expected map but got int");
  expect_error("nil", R"(delete_key(cache["m"], "test"))", "expected map but got nil");
  EXPECT_EQ(after(map_, R"(delete_matching_keys(cache["m"], "test.*"))"), "{}");
  EXPECT_EQ(after(map_, R"(delete_matching_keys(cache["m"], "\\d$"))"),
            R"({"test": "hello world"})");
  EXPECT_EQ(after(R"({"Password": 1, "user": 2})",
                  R"(delete_matching_keys(cache["m"], "(?i).*password.*"))"),
            R"({"user": 2})");
  EXPECT_EQ(after(map_, R"(delete_matching_keys(cache["m"], "not a matching pattern"))"), map_);
  expect_error(map_, R"(delete_matching_keys(cache["m"], "*"))", "error parsing regexp");
}

TEST_F(Editors, KeepKeys) {
  EXPECT_EQ(after(map_, R"(keep_keys(cache["m"], ["test"]))"), R"({"test": "hello world"})");
  EXPECT_EQ(after(map_, R"(keep_keys(cache["m"], ["test3", "test", "none"]))"),
            R"({"test": "hello world", "test3": true})");
  EXPECT_EQ(after(map_, R"(keep_keys(cache["m"], ["no match"]))"), "{}");
  EXPECT_EQ(after(map_, R"(keep_keys(cache["m"], []))"), "{}");
  EXPECT_EQ(after(map_, R"(keep_matching_keys(cache["m"], "\\d$"))"),
            R"({"test2": 3, "test3": true})");
  EXPECT_EQ(after(map_, R"(keep_matching_keys(cache["m"], "x"))"), "{}");
}

TEST_F(Editors, Limit) {
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 1, []))"), R"({"test": "hello world"})");
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 0, []))"), "{}");
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 100, []))"), map_);
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 3, []))"), map_);
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 2, ["test3"]))"),
            R"({"test": "hello world", "test3": true})");
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 2, ["test3", "test2"]))"),
            R"({"test2": 3, "test3": true})");
  EXPECT_EQ(after(map_, R"(limit(cache["m"], 2, priority_keys = ["te"]))"),
            R"({"test": "hello world", "test2": 3})");
  expect_error(map_, R"(limit(cache["m"], -1, []))",
               "invalid limit for limit function, -1 cannot be negative");
  expect_error(
      map_, R"(limit(cache["m"], 1, ["a", "b"]))",
      "invalid limit for limit function, 1 cannot be less than number of priority attributes 2");
}

TEST_F(Editors, TruncateAll) {
  EXPECT_EQ(after(map_, R"(truncate_all(cache["m"], 1))"),
            R"({"test": "h", "test2": 3, "test3": true})");
  EXPECT_EQ(after(map_, R"(truncate_all(cache["m"], 0))"),
            R"({"test": "", "test2": 3, "test3": true})");
  EXPECT_EQ(after(map_, R"(truncate_all(cache["m"], 100))"), map_);
  EXPECT_EQ(after(map_, R"(truncate_all(cache["m"], 11))"), map_);
  EXPECT_EQ(after(R"({"a": "一二三"})", R"(truncate_all(cache["m"], 5))"), R"({"a": "一"})");
  EXPECT_EQ(after(R"({"a": "一二三"})", R"(truncate_all(cache["m"], 4, false))"),
            "{\"a\": \"一\xE4\"}");
  EXPECT_EQ(after(R"({"a": "hello world", "b": "short"})",
                  R"(truncate_all(cache["m"], 8, truncation_marker = "..."))"),
            R"({"a": "hello...", "b": "short"})");
  EXPECT_EQ(after(R"({"a": "一二三"})", R"x(truncate_all(cache["m"], 7, true, "(...)"))x"),
            R"x({"a": "(...)"})x");
  expect_error(map_, R"(truncate_all(cache["m"], -1))",
               "invalid limit for truncate_all function, -1 cannot be negative");
  expect_error(map_, R"(truncate_all(cache["m"], 2, true, "..."))",
               "the truncation marker has 3 bytes");
}

TEST_F(Editors, MergeMaps) {
  const std::string target = R"({"attr1": "value1"})";
  EXPECT_EQ(after(target, R"(merge_maps(cache["m"], {"attr2": "value2"}, "upsert"))"),
            R"({"attr1": "value1", "attr2": "value2"})");
  EXPECT_EQ(after(target, R"(merge_maps(cache["m"], {"attr1": "value3"}, "upsert"))"),
            R"({"attr1": "value3"})");
  EXPECT_EQ(after(target, R"(merge_maps(cache["m"], {"attr1": 1, "attr2": 2}, "insert"))"),
            R"({"attr1": "value1", "attr2": 2})");
  EXPECT_EQ(after(target, R"(merge_maps(cache["m"], {"attr1": 1, "attr2": 2}, "update"))"),
            R"({"attr1": 1})");
  EXPECT_EQ(after(target, R"(merge_maps(cache["m"], ParseJSON("{\"a\": [1]}"), "insert"))"),
            R"({"attr1": "value1", "a": [1.0]})");
  expect_error(target, R"(merge_maps(cache["m"], {}, "invalid"))",
               "invalid value for strategy, invalid, must be 'insert', 'update' or 'upsert'");
  expect_error(target, R"(merge_maps(cache["m"], 1, "insert"))", "expected map but got int");
}

TEST_F(Editors, StringifyAll) {
  EXPECT_EQ(
      after(
          R"({"s": "a", "i": 42, "d": 3.14, "b": true, "y": 0x6869, "m": {"k": [1]}, "l": [1, "a"]})",
          R"(stringify_all(cache["m"]))"),
      R"({"s": "a", "i": "42", "d": "3.14", "b": "true", "y": "aGk=", "m": "{"k":[1]}", "l": "[1,"a"]"})");
}

TEST_F(Editors, Flatten) {
  const std::string person =
      R"({"name": "test", "address": {"street": "first", "house": 1234}, "occupants": ["user 1", "user 2"]})";
  EXPECT_EQ(
      after(person, R"(flatten(cache["m"]))"),
      R"({"name": "test", "address.street": "first", "address.house": 1234, "occupants.0": "user 1", "occupants.1": "user 2"})");
  EXPECT_EQ(
      after(person, R"(flatten(cache["m"], "app"))"),
      R"({"app.name": "test", "app.address.street": "first", "app.address.house": 1234, "app.occupants.0": "user 1", "app.occupants.1": "user 2"})");
  const std::string deep = R"({"0": {"1": {"2": {"3": {"4": "value"}}}}})";
  EXPECT_EQ(after(deep, R"(flatten(cache["m"], depth = 2))"),
            R"({"0.1.2": {"3": {"4": "value"}}})");
  EXPECT_EQ(after(deep, R"(flatten(cache["m"]))"), R"({"0.1.2.3.4": "value"})");
  EXPECT_EQ(after(person, R"(flatten(cache["m"], depth = 0))"), person);
  EXPECT_EQ(
      after(
          R"({"address": {"street": {"number": "first"}, "house": "1234"}, "address.street": {"number": ["second", "third"]}, "address.street.number": "fourth", "occupants": ["user 1", "user 2"]})",
          R"(flatten(cache["m"], resolveConflicts = true))"),
      R"({"address.street.number": "first", "address.house": "1234", "address.street.number.0": "second", "address.street.number.1": "third", "address.street.number.2": "fourth", "occupants": "user 1", "occupants.0": "user 2"})");
  expect_error(person, R"(flatten(cache["m"], depth = -1))",
               "invalid depth for flatten function, -1 cannot be negative");
  expect_error("1", R"(flatten(cache["m"]))", "expected map but got int");
}

TEST_F(Editors, Append) {
  EXPECT_EQ(after(R"(["a"])", R"(append(cache["m"], "b"))"), R"(["a", "b"])");
  EXPECT_EQ(after(R"(["a"])", R"(append(cache["m"], values = ["b", 1, true]))"),
            R"(["a", "b", 1, true])");
  EXPECT_EQ(after(R"(["a"])", R"(append(cache["m"], "b", ["c"]))"), R"(["a", "b", "c"])");
  EXPECT_EQ(after(R"("a")", R"(append(cache["m"], "b"))"), R"(["a", "b"])");
  EXPECT_EQ(after("1", R"(append(cache["m"], 2))"), "[1, 2]");
  EXPECT_EQ(after("nil", R"(append(cache["m"], "b"))"), R"(["b"])");
  expect_error(R"(["a"])", R"(append(cache["m"]))",
               "at least one of the optional arguments ('value' or 'values') must be provided");
  expect_error(R"({"a": 1})", R"(append(cache["m"], 1))",
               "unsupported type of target field: \"map\"");
}

TEST_F(Editors, DeleteIndex) {
  const std::string list = R"(["a", "b", "c", "d"])";
  EXPECT_EQ(after(list, R"(delete_index(cache["m"], 0))"), R"(["b", "c", "d"])");
  EXPECT_EQ(after(list, R"(delete_index(cache["m"], Len(cache["m"]) - 1))"), R"(["a", "b", "c"])");
  EXPECT_EQ(after(list, R"(delete_index(cache["m"], 0, 3))"), R"(["d"])");
  EXPECT_EQ(after(list, R"(delete_index(cache["m"], 0, 4))"), "[]");
  EXPECT_EQ(after(list, R"(delete_index(cache["m"], 1, endIndex = 1))"), list);
  EXPECT_EQ(after(list, R"(delete_index(cache["m"], Index(cache["m"], "c")))"),
            R"(["a", "b", "d"])");
  expect_error(list, R"(delete_index(cache["m"], 4))",
               "startIndex 4 out of bounds for slice of length 4");
  expect_error(list, R"(delete_index(cache["m"], -1))", "startIndex -1 out of bounds");
  expect_error(list, R"(delete_index(cache["m"], 9223372036854775807))", "out of bounds");
  expect_error(list, R"(delete_index(cache["m"], 2, 1))",
               "endIndex 1 cannot be less than startIndex 2");
  expect_error(list, R"(delete_index(cache["m"], 2, 5))",
               "deletion range [2:5] out of bounds for slice of length 4");
  expect_error(R"("a")", R"(delete_index(cache["m"], 0))", "expected list but got string");
}

}  // namespace
}  // namespace kernspan::ottl
