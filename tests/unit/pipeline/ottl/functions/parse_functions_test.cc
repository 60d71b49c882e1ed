#include "tests/unit/pipeline/ottl/functions/function_fixture.h"

namespace kernspan::ottl {
namespace {

using ParseFunctions = FunctionFixture;

TEST_F(ParseFunctions, ParseJson) {
  expect({
      {R"(ParseJSON("{\"attr\":true}"))", R"({"attr": true})"},
      {R"(ParseJSON("[\"attr1\",\"attr2\"]"))", R"(["attr1", "attr2"])"},
      {R"(ParseJSON("{\"s\":\"v\",\"i\":1,\"d\":2.5,\"n\":null,\"l\":[1,{\"a\":[]}],\"m\":{\"x\":{}}}"))",
       R"({"s": "v", "i": 1.0, "d": 2.5, "n": nil, "l": [1.0, {"a": []}], "m": {"x": {}}})"},
      {R"(ParseJSON("{\"a\":1,\"a\":2}"))", R"({"a": 2.0})"},
      {R"(ParseJSON("{\"a\":[{\"b\":3}]}")["a"][0]["b"])", "3.0"},
      {R"(ParseJSON("3"))", "error: could not convert parsed value of type double to JSON object"},
      {R"(ParseJSON("{\"a\":"))", "error: could not parse JSON"},
      {R"(ParseJSON(""))", "error: could not parse JSON"},
      {R"(ParseJSON(1))", "error: expected string"},
  });
  std::string deep(24, '[');
  EXPECT_EQ(value("ParseJSON(\"" + deep + std::string(24, ']') + "\")").substr(0, 3), "[[[");
  EXPECT_NE(
      value("ParseJSON(\"[" + deep + std::string(25, ']') + "\")").find("nested more than 24"),
      std::string::npos);
}

TEST_F(ParseFunctions, ParseKeyValue) {
  expect({
      {R"(ParseKeyValue("k1=v1 k2=v2 k3=v3"))", R"({"k1": "v1", "k2": "v2", "k3": "v3"})"},
      {R"(ParseKeyValue("k1!v1_k2!v2_k3!v3", "!", "_"))",
       R"({"k1": "v1", "k2": "v2", "k3": "v3"})"},
      {R"(ParseKeyValue("k1=v1=a  k2='two words' k1=v3"))", R"({"k1": "v3", "k2": "two words"})"},
      {R"(ParseKeyValue("  name = a ", pair_delimiter = ","))", R"({"name": "a"})"},
      {R"(ParseKeyValue(""))", "error: cannot parse from empty target"},
      {R"(ParseKeyValue("k1"))", "error: cannot split a pair into 2 items, got 1 item(s)"},
      {R"(ParseKeyValue("k1='v1"))", "error: never reached the end of a quoted value"},
      {R"(ParseKeyValue("a", "=", "="))",
       R"(error: pair delimiter "=" cannot be equal to delimiter "=")"},
  });
}

// Errors are logged: a query string that is no value must not get there.
TEST_F(ParseFunctions, ErrorsQuoteNoTelemetry) {
  for (const char* expression :
       {R"(ParseKeyValue("hidden"))", R"(ParseKeyValue("hidden='x"))",
        R"(ParseCSV("\"hidden", "a"))", R"(ParseJSON("{hidden"))", R"(ParseInt("hidden", 10))",
        R"(Duration("hidden"))", R"(Time("hidden", "%Y"))", R"(Time("2024 hidden", "%Y"))",
        R"(URL("http://h:hidden/"))", R"(URL("http://h/%zz?hidden=1"))",
        R"(IsInCIDR("10.1.2.3", ["hidden"]))", R"(CommunityID("hidden", 80, "10.0.0.1", 12345))",
        R"(Double("hidden"))", R"(Bool("hidden"))", R"(Decode("hidden!", "base64"))",
        R"(TraceID("hidden"))"}) {
    const std::string found = value(expression);
    EXPECT_TRUE(found.starts_with("error: ")) << expression << " yields " << found;
    EXPECT_EQ(found.find("hidden"), std::string::npos) << found;
  }
}

TEST_F(ParseFunctions, ToKeyValueString) {
  expect({
      {R"(ToKeyValueString({"k1": "v1", "k2": "v2", "k3": "v3"}))", R"("k1=v1 k2=v2 k3=v3")"},
      {R"(ToKeyValueString({"b": 1, "a": true}, ":", ",", true))", R"("a:true,b:1")"},
      {R"(ToKeyValueString({"key 1": "value 1", "key2=": "value2="}))",
       R"(""key 1"="value 1" "key2="="value2="")"},
      {R"(ToKeyValueString({"key1": "value1", "key2,,,": "value2,,,,,,"}, ",,,"))",
       R"("key1,,,value1 "key2,,,",,,"value2,,,,,,"")"},
      {R"(ToKeyValueString({"key\"3": "value\"3"}))", R"("key\"3=value\"3")"},
      {R"(ToKeyValueString({"k1": "v1", "k2": {"k3": "v3", "k4": ["v4", "v5"]}}))",
       R"("k1=v1 k2={\"k3\":\"v3\",\"k4\":[\"v4\",\"v5\"]}")"},
      {R"(ToKeyValueString({}, ""))", "error: delimiter cannot be set to an empty string"},
      {R"(ToKeyValueString({}, " "))", "error: cannot be equal to delimiter"},
      {R"(ToKeyValueString(1))", "error: expected map"},
  });
}

TEST_F(ParseFunctions, ParseCsv) {
  const std::string result = R"({"col1": "val1", "col2": "val2", "col3": "val3"})";
  expect({
      {R"(ParseCSV("val1,val2,val3", "col1,col2,col3"))", result},
      {R"(ParseCSV("999-999-9999,Joe Smith,joe.smith@example.com", "phone,name,email"))",
       R"({"phone": "999-999-9999", "name": "Joe Smith", "email": "joe.smith@example.com"})"},
      {R"(ParseCSV("val1|val2|val3", "col1|col2|col3", delimiter = "|"))", result},
      {R"(ParseCSV("val1|val2|val3", "col1,col2,col3", delimiter = "|", headerDelimiter = ",", mode = "lazyQuotes"))",
       result},
      {R"(ParseCSV("\"555-555-5556,Joe Smith\",joe.smith@example.com", "phone,name,email", mode = "ignoreQuotes"))",
       R"({"phone": ""555-555-5556", "name": "Joe Smith"", "email": "joe.smith@example.com"})"},
      {R"(ParseCSV("\"a, \"\"b\"\"\",c", "x,y"))", R"({"x": "a, "b"", "y": "c"})"},
      {"ParseCSV(\"val1\\nnewline,val2,val3\", \"col1,col2,col3\")",
       "{\"col1\": \"val1\nnewline\", \"col2\": \"val2\", \"col3\": \"val3\"}"},
      {"ParseCSV(\"val1,val2,val3\\nnewline\", \"col1,col2,col3\")",
       "{\"col1\": \"val1\", \"col2\": \"val2\", \"col3\": \"val3\nnewline\"}"},
      {"ParseCSV(\"val1\\n,val2,val3\", \"col1,col2,col3\")",
       "{\"col1\": \"val1\n\", \"col2\": \"val2\", \"col3\": \"val3\"}"},
      {"ParseCSV(\"\\nval1,val2,val3\", \"col1,col2,col3\")", result},
      {"ParseCSV(\"val1,val2,val3\\n\\n\", \"col1,col2,col3\")", result},
      {"ParseCSV(\"\\\"a\\n\\nb\\\",c\", \"x,y\")", "{\"x\": \"a\n\nb\", \"y\": \"c\"}"},
      {R"(ParseCSV("val1,val2,val3", "col1,col2"))",
       "error: wrong number of fields: expected 2, found 3"},
      {R"(ParseCSV("val1", ""))", "error: headers must not be an empty string"},
      {R"(ParseCSV("", "col1,col2,col3"))", "error: no csv lines found"},
      {R"(ParseCSV("val1,val2,v\"al3", "col1,col2,col3"))",
       "error: wrong number of fields: expected 3, found 2"},
      {R"(ParseCSV("val1,val2,v\"al3", "col1,col2,col3", mode = "lazyQuotes"))",
       R"({"col1": "val1", "col2": "val2", "col3": "v"al3"})"},
      {R"(ParseCSV("val1,\"val2,\"val3,val4\"", "col1,col2,col3,col4", mode = "lazyQuotes"))",
       "error: wrong number of fields: expected 4, found 2"},
      {R"(ParseCSV("a", "b", "bad_delim"))",
       "error: invalid arguments: delimiter must be a single character"},
      {R"(ParseCSV("a", "b", header_delimiter = ""))",
       "error: invalid arguments: header_delimiter must be a single character"},
      {R"(ParseCSV("a", "b", mode = "fake-mode"))", "error: unknown mode: fake-mode"},
  });
}

TEST_F(ParseFunctions, ParseInt) {
  expect({
      {R"(ParseInt("12345", 10))", "12345"},
      {R"(ParseInt("0xAA", 0))", "170"},
      {R"(ParseInt("AA", 16))", "170"},
      {R"(ParseInt("-20", 8))", "-16"},
      {R"(ParseInt("+7", 10))", "7"},
      {R"(ParseInt("01010101", 2))", "85"},
      {R"(ParseInt("0b1111_0000", 0))", "240"},
      {R"(ParseInt("0b10110", 0))", "22"},
      {R"(ParseInt("0xFF", 0))", "255"},
      {R"(ParseInt("-0xFF", 0))", "-255"},
      {R"(ParseInt("-0o123", 0))", "-83"},
      {R"(ParseInt("0XAF", 0))", "175"},
      {R"(ParseInt("0", 0))", "0"},
      {R"(ParseInt("017", 0))", "15"},
      {R"(ParseInt("-9223372036854775808", 10))", "-9223372036854775808"},
      {R"(ParseInt("18446744073709551615", 10))", "error: value out of range"},
      {R"(ParseInt("1__0", 0))", "error: invalid syntax"},
      {R"(ParseInt("1_0", 10))", "error: invalid syntax"},
      {R"(ParseInt("--1", 10))", "error: invalid syntax"},
      {R"(ParseInt("test", 10))", "error: invalid syntax"},
      {R"(ParseInt("", 10))", "error: invalid syntax"},
      {R"(ParseInt("12345", -10))", "error: invalid base -10"},
      {R"(ParseInt(1, 10))", "error: expected string"},
  });
}

TEST_F(ParseFunctions, ExtractPatterns) {
  expect({
      {R"(ExtractPatterns("a=b c=d", "^a=(?P<a>\\w+)\\s+c=(?P<c>\\w+)$"))",
       R"({"a": "b", "c": "d"})"},
      {R"x(ExtractPatterns("no match", "a=(?P<a>\\w+)"))x", "{}"},
      {R"x(ExtractPatterns("b", "(?P<a>a)?(?P<b>b)(c)?"))x", R"({"a": "", "b": "b"})"},
      {R"x(ExtractPatterns("a", "(a)"))x",
       "error: at least 1 named capture group must be supplied in the given regex"},
      {R"x(ExtractPatterns("a", "("))x",
       "error: the pattern supplied to ExtractPatterns is not a valid pattern: error parsing "
       "regexp"},
      {R"x(ExtractPatterns(1, "(?P<a>a)"))x", "error: expected string"},
  });
}

TEST_F(ParseFunctions, Url) {
  expect({
      {R"(URL("http://www.example.com"))",
       R"({"url.original": "http://www.example.com", "url.domain": "www.example.com", "url.scheme": "http", "url.path": ""})"},
      {R"(URL("http://myusername:mypassword@www.example.com:80/foo.gif?key1=val1&key2=val2#fragment"))",
       R"({"url.original": "http://myusername:mypassword@www.example.com:80/foo.gif?key1=val1&key2=val2#fragment", )"
       R"("url.domain": "www.example.com", "url.scheme": "http", "url.path": "/foo.gif", "url.port": 80, )"
       R"("url.fragment": "fragment", "url.user_info": "myusername:mypassword", "url.username": "myusername", )"
       R"("url.password": "mypassword", "url.query": "key1=val1&key2=val2", "url.extension": "gif"})"},
      {R"(URL("HTTPS://[2001:db8::1]:8443/a%20b")["url.domain"])", R"("2001:db8::1")"},
      {R"(URL("https://[2001:db8::1]:8443/a%20b")["url.path"])", R"("/a b")"},
      {R"(URL("/only/a/path?q=1")["url.path"])", R"("/only/a/path")"},
      {R"(URL("mailto:someone@example.com")["url.scheme"])", R"("mailto")"},
      {R"(URL("http://h:port/")["url.port"])", "error: invalid port after host"},
      {R"(URL("http://h/%zz"))", "error: invalid URL escape"},
      {R"(URL("http://[::1/"))", "error: missing ']' in host"},
      {R"(URL(":no-scheme"))", "error: missing protocol scheme"},
      {R"(URL("1:2"))", "error: first path segment in URL cannot contain colon"},
      {R"(URL(""))", "error: url cannot be empty"},
      {R"(URL(7))", "error: expected string"},
  });
}

}  // namespace
}  // namespace kernspan::ottl
