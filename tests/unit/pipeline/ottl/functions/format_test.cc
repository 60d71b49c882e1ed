// What Go's fmt.Sprintf writes, from its documentation and tests.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "pipeline/ottl/functions/go_format.h"

namespace kernspan::ottl {
namespace {

std::string formatted(const std::string& format, const std::vector<Value>& values = {}) {
  const Result<std::string> text = go_format(format, values);
  return text ? *text : "error: " + text.error().message;
}

TEST(GoFormat, Integers) {
  const Value seven = Value::integer(7);
  const Value minus = Value::integer(-42);
  EXPECT_EQ(formatted("%d|%5d|%-5d|%05d|%+d|% d", {seven, seven, seven, seven, seven, seven}),
            "7|    7|7    |00007|+7| 7");
  EXPECT_EQ(formatted("%05d|%x|%X|%o|%b", {minus, minus, minus, minus, minus}),
            "-0042|-2a|-2A|-52|-101010");
  EXPECT_EQ(formatted("%#x|%#o|%O|%#b", {seven, seven, seven, seven}), "0x7|07|0o7|0b111");
  EXPECT_EQ(formatted("%.3d|%5.3d", {seven, seven}), "007|  007");
  EXPECT_EQ(formatted("%c|%U", {Value::integer(0x20AC), Value::integer(0x20AC)}), "€|U+20AC");
  EXPECT_EQ(formatted("%d", {Value::integer(std::numeric_limits<std::int64_t>::min())}),
            "-9223372036854775808");
  EXPECT_EQ(formatted("%*d|%-*d|", {Value::integer(4), seven, Value::integer(3), seven}),
            "   7|7  |");
}

TEST(GoFormat, Doubles) {
  const Value pi = Value::number(3.14159);
  EXPECT_EQ(formatted("%f|%.2f|%8.2f|%08.2f|%+.1f", {pi, pi, pi, pi, pi}),
            "3.141590|3.14|    3.14|00003.14|+3.1");
  EXPECT_EQ(formatted("%e|%g|%v|%.3g", {pi, pi, pi, pi}), "3.141590e+00|3.14159|3.14159|3.14");
  EXPECT_EQ(formatted("%v|%v|%v", {Value::number(1e20), Value::number(1e21), Value::number(1e-7)}),
            "100000000000000000000|1e+21|1e-07");
  EXPECT_EQ(formatted("%v", {Value::number(std::numeric_limits<double>::infinity())}), "+Inf");
  EXPECT_EQ(formatted("%v", {Value::number(std::numeric_limits<double>::quiet_NaN())}), "NaN");
}

TEST(GoFormat, TextsAndOthers) {
  const Value text = Value::string(std::string("héllo"));
  EXPECT_EQ(formatted("%s|%7s|%-7s|%.2s|%q|%x", {text, text, text, text, text, text}),
            "héllo|  héllo|héllo  |hé|\"héllo\"|68c3a96c6c6f");
  EXPECT_EQ(formatted("%q", {Value::string(std::string("a\"b\n"))}), "\"a\\\"b\\n\"");
  EXPECT_EQ(formatted("%t|%v", {Value::boolean(true), Value::boolean(false)}), "true|false");
  EXPECT_EQ(formatted("%v", {Value()}), "<nil>");
  EXPECT_EQ(formatted("%v", {Value::list({Value::integer(1), text})}), "[1 héllo]");
  Map map;
  map.set("b", Value::integer(2));
  map.set("a", Value::integer(1));
  EXPECT_EQ(formatted("%v", {Value::map(map)}), "map[a:1 b:2]");
  EXPECT_EQ(formatted("100%%"), "100%");
}

TEST(GoFormat, SaysWhatDoesNotFit) {
  EXPECT_EQ(formatted("%d", {Value::string(std::string("hi"))}), "%!d(string=hi)");
  EXPECT_EQ(formatted("%s", {Value::integer(7)}), "%!s(int64=7)");
  EXPECT_EQ(formatted("%s"), "%!s(MISSING)");
  EXPECT_EQ(formatted("hi", {Value::integer(7)}), "hi%!(EXTRA int64=7)");
  EXPECT_EQ(formatted("%"), "%!(NOVERB)");
  EXPECT_EQ(formatted("%d", {Value()}), "%!d(<nil>)");
  EXPECT_EQ(formatted("%z", {Value::integer(7)}), "%!z(int64=7)");
}

TEST(GoFormat, IsBounded) {
  const std::vector<Value> values(3, Value::integer(7));
  EXPECT_EQ(formatted("%1000000d%1000000d%1000000d", values).substr(0, 6), "error:");
  EXPECT_EQ(formatted("%999999999999999999999d", {values[0]}).size(), 1'000'000U);
}

}  // namespace
}  // namespace kernspan::ottl
