#include "pipeline/ottl/parser.h"

#include <algorithm>
#include <string>
#include <utility>

#include "pipeline/ottl/grammar.h"

namespace kernspan::ottl {

Status Parser::read(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    return permanent(fmt::format("is longer than {} bytes", kMaxTextBytes));
  }
  Lexer lexer(text);
  do {
    Result<Token> token = lexer.next();
    if (!token) return std::unexpected(token.error());
    tokens_.push_back(*std::move(token));
  } while (tokens_.back().kind != TokenKind::kEnd);
  return {};
}

Result<BooleanPtr> Parser::condition() {
  Result<BooleanPtr> parsed = any();
  if (parsed && now().kind != TokenKind::kEnd) return unexpected_token("and, or, or the end");
  return parsed;
}

Result<StatementSyntax> Parser::statement() {
  StatementSyntax parsed{.position = now().position, .editor = {}, .where = {}};
  if (now().kind != TokenKind::kName || !next().is("(")) {
    return unexpected_token("an editor, as in set(name, \"x\")");
  }
  if (is_upper(now().text.front())) {
    return fail(
        fmt::format("{} is a converter; a statement is an editor, whose name begins with a "
                    "lower-case letter",
                    now().text));
  }
  Result<CallSyntax> editor = call();
  if (!editor) return std::unexpected(editor.error());
  parsed.editor = *std::move(editor);
  if (!parsed.editor.keys.empty()) {
    return std::unexpected(error_at(parsed.position, "an editor has no value to index"));
  }
  if (take("where")) {
    Result<BooleanPtr> where = any();
    if (!where) return std::unexpected(where.error());
    parsed.where = *std::move(where);
  }
  if (now().kind != TokenKind::kEnd) return unexpected_token("where or the end");
  return parsed;
}

template <typename Syntax, typename Operand>
Result<BooleanPtr> Parser::joined(std::string_view word, Operand operand) {
  const std::size_t position = now().position;
  Syntax joined;
  do {
    Result<BooleanPtr> parsed = operand();
    if (!parsed) return parsed;
    joined.operands.push_back(*std::move(parsed));
  } while (take(word));
  if (joined.operands.size() == 1) return std::move(joined.operands.front());
  return boolean(position, std::move(joined));
}

Result<BooleanPtr> Parser::any() {
  const Nesting nesting(depth_);
  if (nesting.too_deep()) return fail("is nested too deeply");
  return joined<AnySyntax>("or", [this] { return all(); });
}

Result<BooleanPtr> Parser::all() {
  return joined<AllSyntax>("and", [this] { return factor(); });
}

Result<BooleanPtr> Parser::factor() {
  const std::size_t position = now().position;
  if (!take("not")) return plain_factor();
  Result<BooleanPtr> operand = plain_factor();
  if (!operand) return operand;
  return boolean(position, NotSyntax{*std::move(operand)});
}

// A parenthesis may open a condition or a value. What does not become a comparison is read again as
// a condition; values hold no conditions, so that each text is read at most twice per level.
Result<BooleanPtr> Parser::plain_factor() {
  const std::size_t begin = cursor_;
  const std::size_t position = now().position;
  Result<ExpressionPtr> left = value();
  if (!left || now().kind != TokenKind::kCompare) {
    if (tokens_[begin].is("(")) {
      cursor_ = begin;
      return parenthesized();
    }
    if (!left) return std::unexpected(left.error());
    const auto& node = (*left)->node;
    const auto* const literal = std::get_if<Value>(&node);
    if (std::holds_alternative<CallSyntax>(node) ||
        (literal != nullptr && literal->is(ValueType::kBool))) {
      return boolean(position, *std::move(left));
    }
    return unexpected_token("a comparison: == != < <= > >=");
  }
  constexpr std::pair<std::string_view, Comparison> kComparisons[] = {
      {"==", Comparison::kEqual},  {"!=", Comparison::kNotEqual},
      {"<", Comparison::kLess},    {"<=", Comparison::kLessEqual},
      {">", Comparison::kGreater}, {">=", Comparison::kGreaterEqual},
  };
  const auto* const comparison =
      std::ranges::find(kComparisons, now().text, &std::pair<std::string_view, Comparison>::first);
  ++cursor_;
  Result<ExpressionPtr> right = value();
  if (!right) return std::unexpected(right.error());
  return boolean(position,
                 ComparisonSyntax{*std::move(left), comparison->second, *std::move(right)});
}

Result<BooleanPtr> Parser::parenthesized() {
  take("(");
  Result<BooleanPtr> inner = any();
  if (inner && !take(")")) return unexpected_token("\")\"");
  return inner;
}

std::string PathSyntax::name() const {
  std::string name;
  for (const PathSegment& segment : segments) {
    if (!name.empty()) name += '.';
    name += segment.name;
  }
  return name;
}

Result<BooleanPtr> parse_condition(std::string_view text) {
  Parser parser;
  if (Status read = parser.read(text); !read) return std::unexpected(read.error());
  return parser.condition();
}

Result<StatementSyntax> parse_statement(std::string_view text) {
  Parser parser;
  if (Status read = parser.read(text); !read) return std::unexpected(read.error());
  return parser.statement();
}

}  // namespace kernspan::ottl
