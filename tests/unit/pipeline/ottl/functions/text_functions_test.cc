#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

using TextFunctions = FunctionFixture;

TEST_F(TextFunctions, Concat) {
  expect({
      {R"(Concat(["hello", "world"], " "))", R"("hello world")"},
      {R"(Concat(["HTTP method is: ", attributes["text"]], ""))", R"("HTTP method is: a text")"},
      {R"(Concat([name, 1], " "))", R"("GET /cart 1")"},
      {R"(Concat(["hello", attributes["none"], "world"], ""))", R"("hello<nil>world")"},
      {R"(Concat(["hello", 3.14159], ""))", R"("hello3.14159")"},
      {R"(Concat(["hello", true], " "))", R"("hello true")"},
      {R"(Concat([0x00000000000000000ed2e63cbe71f5a8], ""))",
       R"("00000000000000000ed2e63cbe71f5a8")"},
      {R"(Concat([[1, 2], [3, 4]], ","))", R"("[1,2],[3,4]")"},
      {R"(Concat([{"a": "b"}, {"c": "d"}], ","))", R"("{"a":"b"},{"c":"d"}")"},
      {R"(Concat(["", "", ""], "__"))", R"("____")"},
      {R"(Concat(["hello"], "-"))", R"("hello")"},
      {R"(Concat([], "-"))", R"("")"},
      {R"(Concat(["a", "b"], 1))", "error: expected string"},
      // A statement that the configuration folds over several lines.
      {"Concat([attributes[\"text\"], \"/\",\n      attributes[\"int\"]], \"\")", R"("a text/7")"},
  });
}

TEST_F(TextFunctions, Split) {
  expect({
      {R"(Split("A|B|C", "|"))", R"(["A", "B", "C"])"},
      {R"(Split("A|B|C", ","))", R"(["A|B|C"])"},
      {R"(Split("", "|"))", R"([""])"},
      {R"(Split("a||b", "|"))", R"(["a", "", "b"])"},
      {R"(Split("aé", ""))", R"(["a", "é"])"},
      {R"(Split(7, "|"))", "error: expected string"},
      {R"(Split(attributes["none"], "|"))", "error: expected string but got nil"},
  });
}

TEST_F(TextFunctions, Substring) {
  expect({
      {R"(Substring("123456789", 0, 3))", R"("123")"},
      {R"(Substring("123456789", 3, 3))", R"("456")"},
      {R"(Substring("123456789", 0, 9))", R"("123456789")"},
      {R"(Substring("123456789", -1, 6))",
       "error: invalid start for substring function, -1 cannot be negative"},
      {R"(Substring("123456789", 0, 0))",
       "error: invalid length for substring function, 0 cannot be negative or zero"},
      {R"(Substring("123456789", 3, 20))",
       "error: invalid range for substring function, start(3)+length(20) cannot be greater than "
       "the "
       "length of target string(9)"},
      {R"(Substring("123456789", 9223372036854775807, 9223372036854775807))",
       "error: invalid range"},
      {R"(Substring(attributes["int"], 0, 1))", "error: expected string but got int"},
      {R"(Substring("一二三", 0, 4, true))", R"("一")"},
      {R"(Substring("一二三", 1, 5, utf8_safe = true))", R"("二")"},
      {R"(Substring("一二三", 1, 1, utf8Safe = true))", R"("")"},
      {R"(Hex(Substring("一二三", 0, 4)))", R"("e4b880e4")"},
  });
}

TEST_F(TextFunctions, Trim) {
  expect({
      {R"(Trim(" this is a test ", " "))", R"("this is a test")"},
      {R"(Trim(" this is a test "))", R"("this is a test")"},
      {R"(Trim("!!this is a test!!", "!!"))", R"("this is a test")"},
      {R"(Trim("éaé", "é"))", R"("a")"},
      {R"(Trim("ê", "é"))", R"("ê")"},
      {R"(Trim("   "))", R"("")"},
      {R"(Trim(1))", "error: expected string"},
      {R"(TrimPrefix("ingest_service", "ingest_"))", R"("service")"},
      {R"(TrimPrefix("service", "ingest_"))", R"("service")"},
      {R"(TrimSuffix("ingest_service", "_service"))", R"("ingest")"},
      {R"(TrimSuffix("ingest", "_service"))", R"("ingest")"},
      {R"(TrimSuffix(attributes["none"], "a"))", "error: expected string but got nil"},
  });
}

TEST_F(TextFunctions, Case) {
  expect({
      {R"(ToLowerCase("MyMetricName"))", R"("mymetricname")"},
      {R"(ToUpperCase("MyMetricName"))", R"("MYMETRICNAME")"},
      {R"(ToUpperCase("straße é ю"))", R"("STRAßE É Ю")"},
      {R"(ToLowerCase("ÄÖÜ ΣЮ"))", R"("äöü σю")"},
      {R"(ToSnakeCase("simpleString"))", R"("simple_string")"},
      {R"(ToSnakeCase("simple_string"))", R"("simple_string")"},
      {R"(ToSnakeCase("CPUUtilizationMetric"))", R"("cpu_utilization_metric")"},
      {R"(ToSnakeCase("simple-string"))", R"("simple_string")"},
      {R"(ToSnakeCase("MyMetricName"))", R"("my_metric_name")"},
      {R"(ToSnakeCase(""))", R"("")"},
      {R"(ToCamelCase("simple_string"))", R"("SimpleString")"},
      {R"(ToCamelCase("SimpleString"))", R"("SimpleString")"},
      {R"(ToCamelCase("simple-string"))", R"("SimpleString")"},
      {R"(ToCamelCase("my_metric_name"))", R"("MyMetricName")"},
      {R"(ToCamelCase(""))", R"("")"},
      {R"(ToCamelCase(1))", "error: expected string"},
      {R"(ConvertCase("MY_METRIC", "lower"))", R"("my_metric")"},
      {R"(ConvertCase("my_metric", "upper"))", R"("MY_METRIC")"},
      {R"(ConvertCase("myMetric", "snake"))", R"("my_metric")"},
      {R"(ConvertCase("my_metric", "camel"))", R"("MyMetric")"},
      {R"(ConvertCase("", "camel"))", R"("")"},
      {R"(ConvertCase("a", "kebab"))",
       "error: invalid case: kebab, allowed cases are: lower, upper, snake, camel"},
  });
}

TEST_F(TextFunctions, PrefixAndSuffix) {
  expect({
      {R"(HasPrefix("ingest_service", "ingest_"))", "true"},
      {R"(HasPrefix("service", "ingest_"))", "false"},
      {R"(HasPrefix(attributes["none"], "a"))", "error: expected string but got nil"},
      {R"(HasSuffix("ingest_service", "_service"))", "true"},
      {R"(HasSuffix("ingest", "_service"))", "false"},
      {R"(HasSuffix(attributes["int"], "7"))", "error: expected string but got int"},
  });
}

TEST_F(TextFunctions, Format) {
  expect({
      {R"(Format("test", []))", R"("test")"},
      {R"(Format("test-%04d", [2]))", R"("test-0002")"},
      {R"(Format("test-%04d-%4s", [2, "te"]))", R"("test-0002-  te")"},
      {R"(Format("%04d-%02d-%02d", [Year(Now()), Month(Now()), Day(Now())]))", R"("2023-11-14")"},
      {R"(Format("%s has %v", [name, attributes["double"]]))", R"("GET /cart has 2.5")"},
      {R"(Format(7, []))", "error: expected string"},
  });
}

}  // namespace
}  // namespace kernspan::ottl
