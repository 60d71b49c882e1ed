#include "pipeline/ottl/compare.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kernspan::ottl {
namespace {

// Which of == != < <= > >= hold.
std::string relations(const Value& left, const Value& right) {
  constexpr const char* kSigns[] = {"==", "!=", "<", "<=", ">", ">="};
  std::string holding;
  for (int i = 0; i < 6; ++i) {
    const auto comparison = static_cast<Comparison>(i);
    const bool holds = compare(left, comparison, right);
    // A value as it lies in the telemetry compares as the value itself.
    if (!left.is(ValueType::kTime) && !left.is(ValueType::kDuration)) {
      const std::string encoded = encode(left);
      EXPECT_EQ(compare_view(otlp::ValueView(encoded), comparison, right), holds);
    }
    EXPECT_EQ(compare(right, mirrored(comparison), left), holds);
    if (!holds) continue;
    if (!holding.empty()) holding += ' ';
    holding += kSigns[i];
  }
  return holding;
}

constexpr const char* kEqual = "== <= >=";
constexpr const char* kLess = "!= < <=";
constexpr const char* kDifferent = "!=";

Value map_of(std::vector<std::pair<std::string, Value>> entries) {
  Map map;
  for (auto& [key, value] : entries) map.set(key, std::move(value));
  return Value::map(std::move(map));
}

TEST(OttlCompare, OrdersValuesOfOneType) {
  EXPECT_EQ(relations(Value::integer(1), Value::integer(2)), kLess);
  EXPECT_EQ(relations(Value::number(1.5), Value::number(1.5)), kEqual);
  EXPECT_EQ(relations(Value::borrowed("a"), Value::borrowed("b")), kLess);
  EXPECT_EQ(relations(Value::borrowed("a"), Value::borrowed("a")), kEqual);
  EXPECT_EQ(relations(Value::boolean(false), Value::boolean(true)), kLess);
  EXPECT_EQ(relations(Value::bytes("\x01\xff"), Value::bytes("\x02")), kLess);
  EXPECT_EQ(relations(Value::time({.unix_ns = 1}), Value::time({.unix_ns = 2})), kLess);
  EXPECT_EQ(relations(Value::time({.unix_ns = 1, .utc_offset_s = 60}), Value::time({.unix_ns = 1})),
            kEqual);
  EXPECT_EQ(relations(Value::duration({1}), Value::duration({2})), kLess);
  EXPECT_EQ(relations(Value::number(0.0 / 1), Value::number(-0.0)), kEqual);
}

TEST(OttlCompare, NumbersOfTwoTypesAreDoubles) {
  EXPECT_EQ(relations(Value::integer(1), Value::number(1.5)), kLess);
  EXPECT_EQ(relations(Value::number(1), Value::integer(1)), kEqual);
}

TEST(OttlCompare, NilEqualsNilAlone) {
  EXPECT_EQ(relations(Value(), Value()), kEqual);
  for (const Value& value : {Value::integer(0), Value::borrowed(""), Value::boolean(false),
                             Value::bytes(""), Value::list({}), Value::map({})}) {
    EXPECT_EQ(relations(Value(), value), kDifferent);
    EXPECT_EQ(relations(value, Value()), kDifferent);
  }
}

TEST(OttlCompare, ValuesOfDifferentTypesAreDifferent) {
  const std::vector<Value> values = {Value::boolean(true), Value::integer(1), Value::borrowed("1"),
                                     Value::bytes("1"),    Value::time({}),   Value::duration({1}),
                                     Value::list({}),      Value::map({})};
  for (const Value& left : values) {
    for (const Value& right : values) {
      if (left.type() == right.type()) continue;
      EXPECT_EQ(relations(left, right), kDifferent);
    }
  }
}

TEST(OttlCompare, ListsAndMapsAreEqualOrNot) {
  const Value list = Value::list({Value::integer(1), Value::borrowed("a")});
  EXPECT_EQ(relations(list, Value::list({Value::integer(1), Value::borrowed("a")})), "==");
  EXPECT_EQ(relations(list, Value::list({Value::integer(1)})), "!=");
  EXPECT_EQ(relations(list, Value::list({Value::number(1), Value::borrowed("a")})), "!=");
  const Value map = map_of({{"a", Value::integer(1)}, {"b", list}});
  EXPECT_EQ(relations(map, map_of({{"b", list}, {"a", Value::integer(1)}})), "==");
  EXPECT_EQ(relations(map, map_of({{"b", list}, {"a", Value::integer(2)}})), "!=");
}

TEST(OttlValue, IsTextAsUpstreamWritesIt) {
  const auto text = [](const Value& value) { return std::string(text_of(value)->view()); };
  EXPECT_FALSE(text_of(Value()));
  EXPECT_EQ(text(Value::number(1e21)), "1000000000000000000000");
  EXPECT_EQ(text(Value::number(0.1)), "0.1");
  EXPECT_EQ(text(Value::number(-1e-7)), "-0.0000001");
  EXPECT_EQ(text(Value::bytes("\x0a\xff")), "0aff");
  EXPECT_EQ(text(Value::list({Value::integer(1), Value::borrowed("a\"")})), "[1,\"a\\\"\"]");
  EXPECT_EQ(text(map_of({{"a", Value::boolean(true)}, {"b", Value()}})), R"({"a":true,"b":null})");
  EXPECT_EQ(text(Value::time({.unix_ns = 1'700'000'000'120'000'000})), "2023-11-14T22:13:20.12Z");
  EXPECT_EQ(text(Value::time({.unix_ns = -1'000'000'000, .utc_offset_s = 5400})),
            "1970-01-01T01:29:59+01:30");
  EXPECT_EQ(text(Value::duration({90'000'000'000})), "1m30s");
}

TEST(OttlValue, SharedListsAndMapsAreCopiedWhenChanged) {
  Value first = map_of({{"a", Value::integer(1)}});
  Value second = first;
  second.mutable_map().set("a", Value::integer(2));
  EXPECT_EQ(first.as_map().find("a")->as_int(), 1);
  EXPECT_EQ(second.as_map().find("a")->as_int(), 2);
}

TEST(OttlValue, ManyTimesNestedIsEncodedOnlySoDeep) {
  Value value = Value::integer(1);
  for (int i = 0; i < 1'000; ++i) value = Value::list({value});
  const std::string encoded = encode(value);
  EXPECT_LT(encoded.size(), 1'000U);
  EXPECT_EQ(encode(Value::borrowed("a\xff")), encode(Value::borrowed("a?")));
}

}  // namespace
}  // namespace kernspan::ottl
