#include "pipeline/ottl/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "pipeline/ottl/condition.h"

namespace kernspan::ottl {
namespace {

using ::testing::HasSubstr;

// What was parsed, with all parentheses written out.
std::string shown(const Expression& syntax);

std::string shown(const std::vector<ExpressionPtr>& keys) {
  std::string text;
  for (const ExpressionPtr& key : keys) text += "[" + shown(*key) + "]";
  return text;
}

std::string shown(const CallSyntax& call) {
  std::string text = call.name + "(";
  for (const ArgumentSyntax& argument : call.arguments) {
    if (text.back() != '(') text += ", ";
    if (!argument.name.empty()) text += argument.name + "=";
    text += argument.value != nullptr ? shown(*argument.value) : "fn " + argument.function;
  }
  return text + ")" + shown(call.keys);
}

std::string shown(const Expression& syntax) {
  if (const auto* value = std::get_if<Value>(&syntax.node)) {
    if (value->is_nil()) return "nil";
    const std::string text(text_of(*value)->view());
    if (value->is(ValueType::kBytes)) return "0x" + text;
    return value->is(ValueType::kString) ? "\"" + text + "\"" : text;
  }
  if (const auto* node = std::get_if<EnumSyntax>(&syntax.node)) return node->symbol;
  if (const auto* node = std::get_if<PathSyntax>(&syntax.node)) {
    std::string text;
    for (const PathSegment& segment : node->segments) {
      if (!text.empty()) text += '.';
      text += segment.name + shown(segment.keys);
    }
    return text;
  }
  if (const auto* node = std::get_if<CallSyntax>(&syntax.node)) return shown(*node);
  if (const auto* node = std::get_if<ListSyntax>(&syntax.node)) {
    std::string text = "list";
    for (const ExpressionPtr& item : node->items) text += " " + shown(*item);
    return "{" + text + "}";
  }
  if (const auto* node = std::get_if<MapSyntax>(&syntax.node)) {
    std::string text = "map";
    for (const auto& [key, value] : node->entries) text += " " + key + ":" + shown(*value);
    return "{" + text + "}";
  }
  if (const auto* node = std::get_if<ArithmeticSyntax>(&syntax.node)) {
    constexpr const char* kSigns[] = {" + ", " - ", " * ", " / "};
    return "(" + shown(*node->left) + kSigns[static_cast<int>(node->sign)] + shown(*node->right) +
           ")";
  }
  return "(-" + shown(*std::get<NegationSyntax>(syntax.node).operand) + ")";
}

std::string shown(const BooleanSyntax& syntax) {
  if (const auto* node = std::get_if<ComparisonSyntax>(&syntax.node)) {
    constexpr const char* kSigns[] = {" == ", " != ", " < ", " <= ", " > ", " >= "};
    return shown(*node->left) + kSigns[static_cast<int>(node->comparison)] + shown(*node->right);
  }
  if (const auto* node = std::get_if<ExpressionPtr>(&syntax.node)) return shown(**node);
  if (const auto* node = std::get_if<NotSyntax>(&syntax.node)) {
    return "not(" + shown(*node->operand) + ")";
  }
  const auto* const all = std::get_if<AllSyntax>(&syntax.node);
  const auto& operands = all != nullptr ? all->operands : std::get<AnySyntax>(syntax.node).operands;
  std::string text = all != nullptr ? "all(" : "any(";
  for (const BooleanPtr& operand : operands) {
    if (text.back() != '(') text += ", ";
    text += shown(*operand);
  }
  return text + ")";
}

std::string condition(const std::string& text) {
  const auto parsed = parse_condition(text);
  return parsed ? shown(**parsed) : parsed.error().message;
}

std::string statement(const std::string& text) {
  const auto parsed = parse_statement(text);
  if (!parsed) return parsed.error().message;
  std::string editor = shown(parsed->editor);
  return parsed->where == nullptr ? editor : editor + " where " + shown(*parsed->where);
}

TEST(OttlParser, ReadsPathsAndLiterals) {
  EXPECT_EQ(condition(R"(span.attributes["a"]["b"][0] == "x")"),
            R"(span.attributes["a"]["b"][0] == "x")");
  EXPECT_EQ(condition("1 < 2.5"), "1 < 2.5");
  EXPECT_EQ(condition("-1 < -.5"), "-1 < -0.5");
  EXPECT_EQ(condition("+3 != 1.5e3"), "3 != 1500");
  EXPECT_EQ(condition("trace_id == 0x0aFF"), "trace_id == 0x0aff");
  EXPECT_EQ(condition("name == nil or true == false"), "any(name == nil, true == false)");
  EXPECT_EQ(condition("kind == SPAN_KIND_SERVER"), "kind == SPAN_KIND_SERVER");
  EXPECT_EQ(condition("-9223372036854775808 == 1"), "-9223372036854775808 == 1");
  EXPECT_EQ(condition(R"(attributes[Concat(["a", name], "-")] == 1)"),
            R"(attributes[Concat({list "a" name}, "-")] == 1)");
}

TEST(OttlParser, ReadsGosEscapes) {
  EXPECT_EQ(condition(R"("a\"b\\c\n\x41\101\u00e9" == name)"), "\"a\"b\\c\nAA\u00e9\" == name");
  EXPECT_THAT(condition(R"(IsMatch(name, "\d+"))"),
              HasSubstr(R"(column 16: \d is no escape; a backslash is written \\d)"));
  EXPECT_THAT(condition(R"(name == "\ud800")"), HasSubstr("no Unicode character"));
  EXPECT_THAT(condition(R"(name == "\x4")"), HasSubstr("not \\xHH"));
}

TEST(OttlParser, KnowsPrecedence) {
  EXPECT_EQ(condition("1 + 2 * 3 - 4 / 2 == 5"), "((1 + (2 * 3)) - (4 / 2)) == 5");
  EXPECT_EQ(condition("(1 + 2) * 3 == 9"), "((1 + 2) * 3) == 9");
  EXPECT_EQ(condition("1-1 == 0"), "(1 - 1) == 0");
  EXPECT_EQ(condition("-(1 + 2) == -name"), "(-(1 + 2)) == (-name)");
  EXPECT_EQ(condition("end_time - start_time > 5"), "(end_time - start_time) > 5");
  EXPECT_EQ(condition("a == 1 or b == 2 and not c == 3"), "any(a == 1, all(b == 2, not(c == 3)))");
  EXPECT_EQ(condition("(a == 1 or b == 2) and c == 3"), "all(any(a == 1, b == 2), c == 3)");
  EXPECT_EQ(condition("not (IsMatch(name, \"x\") and kind > 0)"),
            "not(all(IsMatch(name, \"x\"), kind > 0))");
  EXPECT_EQ(condition("((((a)) == ((b))))"), "a == b");
  EXPECT_EQ(condition("true and not false"), "all(true, not(false))");
}

TEST(OttlParser, ReadsCalls) {
  EXPECT_EQ(statement(R"(set  ( foo.attributes[ "bar"].cat,   "dog")   where name=="fido")"),
            R"(set(foo.attributes["bar"].cat, "dog") where name == "fido")");
  EXPECT_EQ(statement(R"(set(name, Split(name, ",")[0]["x"]))"),
            R"(set(name, Split(name, ",")[0]["x"]))");
  EXPECT_EQ(statement("limit(attributes, limit=5, priority_keys=[])"),
            "limit(attributes, limit=5, priority_keys={list})");
  EXPECT_EQ(statement(R"(fff({"a": "b", "m": {"get": bear.honey, "l": ["x"]}, "e": {},}))"),
            R"(fff({map a:"b" m:{map get:bear.honey l:{list "x"}} e:{map}}))");
  EXPECT_EQ(statement("replace_pattern(name, \"a\", \"b\", Sha256)"),
            "replace_pattern(name, \"a\", \"b\", fn Sha256)");
  EXPECT_EQ(statement("noop()"), "noop()");
}

TEST(OttlParser, ReadsWhatYamlFolds) {
  EXPECT_EQ(statement("set(attributes[\"n\"], Concat([resource.attributes[\"a\"], \"/\",\n"
                      "   resource.attributes[\"b\"]], \"\"))"),
            R"(set(attributes["n"], Concat({list resource.attributes["a"] "/" )"
            R"(resource.attributes["b"]}, "")))");
}

TEST(OttlParser, RefusesWhatUpstreamRefuses) {
  for (const char* text : {"set(",
                           "set(\"foo)",
                           "set(name.)",
                           "(\"foo\")",
                           "set(\"foo\") where name =||= \"fido\"",
                           "set(span_id, SpanIDWrapper{not a hex string})",
                           "set(\"foo\") where name = \"fido\"",
                           "set(\"foo\") where name or \"fido\"",
                           "set(\"foo\") where name and \"fido\"",
                           "set(\"foo\") where name and",
                           "set(\"foo\") where name or",
                           "set(\"foo\") where (",
                           "set(\"foo\") where )",
                           "set(\"foo\") where (name == \"fido\"))",
                           "set(\"foo\") where ((name == \"fido\")",
                           "Set()",
                           "set(int())",
                           "set(1 + int())",
                           "set(int() + 1)",
                           "set(1 * 1 + (2 * int()))",
                           "set() where int() == 1",
                           "set() where 1 == int()",
                           "set() where true and 1 == int()",
                           "set(foo.attributes[\"bar\"].cat)[\"key\"]",
                           "set(a b)",
                           "set(,)",
                           "set(a,)",
                           "",
                           "set",
                           "set(0x0)",
                           "set(name == 1)",
                           "set('a')",
                           "set(1) where a && b",
                           "set(1.)",
                           "set(a) b"}) {
    EXPECT_THAT(statement(text), HasSubstr("column ")) << text;
  }
}

TEST(OttlParser, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(
      condition("name = \"x\""),
      "column 6: unexpected \"=\" instead of a comparison: == != < <= > >=; is \"==\" meant?");
  EXPECT_EQ(condition("attributes[\"x\"]"),
            "column 16: ends where a comparison: == != < <= > >= should be");
  EXPECT_EQ(statement("Set(name, 1)"),
            "column 1: Set is a converter; a statement is an editor, whose name begins with a "
            "lower-case letter");
  EXPECT_EQ(condition("name == 'x'"), "column 9: strings have double quotes: \"...\"");
  EXPECT_EQ(condition("a == 1 && b == 2"), "column 8: conditions are joined by and, or, not");
  EXPECT_EQ(condition("name == \"x"), "column 9: the string has no closing quote");
  EXPECT_EQ(condition("99999999999999999999 == 1"), "column 1: the number does not fit 64 bits");
}

TEST(OttlParser, IsBounded) {
  EXPECT_THAT(condition(std::string(100'000, '(')), HasSubstr("longer than"));
  EXPECT_THAT(condition(std::string(5'000, '(')), HasSubstr("nested too deeply"));
  EXPECT_THAT(condition(std::string(2'000, '[')), HasSubstr("nested too deeply"));
  std::string sum = "1";
  for (int i = 0; i < 5'000; ++i) sum += "+1";
  EXPECT_THAT(condition(sum + " == 1"), HasSubstr("too many operators"));
  std::string keys = "attributes";
  for (int i = 0; i < 5'000; ++i) keys += "[0]";
  EXPECT_THAT(condition(keys + " == 1"), HasSubstr("too many keys"));
  std::string any = "a == 1";
  for (int i = 0; i < 3'000; ++i) any += " or a == 1";
  EXPECT_TRUE(parse_condition(any)) << "a long list is no deep one";
}

TEST(OttlInference, TakesTheLowestContext) {
  const auto infer = [](std::vector<std::string> conditions, std::vector<std::string> statements) {
    const auto context = infer_context(conditions, statements);
    return context ? std::string(context_name(*context)) : context.error().message;
  };
  EXPECT_EQ(infer({R"(resource.attributes["a"] == 1)"}, {}), "resource");
  EXPECT_EQ(infer({R"(resource.attributes["a"] == 1)", "span.name == \"x\""}, {}), "span");
  EXPECT_EQ(infer({R"(scope.name == resource.attributes["x"])"}, {}), "scope");
  EXPECT_EQ(infer({"instrumentation_scope.name == \"x\""}, {}), "scope");
  EXPECT_EQ(infer({"not (span.name == \"x\" and IsMatch(spanevent.name, \"y\"))"}, {}),
            "spanevent");
  EXPECT_EQ(infer({}, {R"(set(resource.attributes["x"], 1) where span.kind == 1)"}), "span");
  EXPECT_EQ(infer({}, {R"(set(resource.attributes[span.name], 1))"}), "span");
  EXPECT_THAT(infer({"name == \"x\""}, {}), HasSubstr("write span.name"));
  EXPECT_THAT(infer({"true"}, {}), HasSubstr("give the context"));
  EXPECT_THAT(infer({"span.name = 1"}, {}), HasSubstr("column 11"));
}

}  // namespace
}  // namespace kernspan::ottl
