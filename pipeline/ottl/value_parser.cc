// The parser's rules of values: paths, literals, calls, arithmetic.
#include <charconv>
#include <string>
#include <utility>

#include "pipeline/ottl/grammar.h"

namespace kernspan::ottl {
namespace {

bool is_keyword(std::string_view name) {
  constexpr std::string_view kKeywords[] = {"and", "or", "not", "true", "false", "nil", "where"};
  return std::ranges::find(kKeywords, name) != std::end(kKeywords);
}

// Enums are in capitals throughout.
bool is_enum(std::string_view name) {
  return std::ranges::none_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
}

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 2; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace

Result<ExpressionPtr> Parser::value() {
  const Nesting nesting(depth_);
  if (nesting.too_deep()) return fail("is nested too deeply");
  return chain("+-", &Parser::product);
}

Result<ExpressionPtr> Parser::chain(std::string_view signs,
                                    Result<ExpressionPtr> (Parser::*operand)()) {
  Result<ExpressionPtr> left = (this->*operand)();
  for (std::size_t length = 0; left && now().kind == TokenKind::kPunct; ++length) {
    const std::size_t sign = signs.find(now().text);
    if (sign == std::string_view::npos) break;
    if (length == kMaxChain) return fail("has too many operators in a row");
    const std::size_t position = now().position;
    ++cursor_;
    Result<ExpressionPtr> right = (this->*operand)();
    if (!right) return right;
    const bool is_sum = signs.front() == '+';
    const auto first = is_sum ? ArithmeticOperator::kAdd : ArithmeticOperator::kMultiply;
    const auto second = is_sum ? ArithmeticOperator::kSubtract : ArithmeticOperator::kDivide;
    left = expression(position, ArithmeticSyntax{sign == 0 ? first : second, *std::move(left),
                                                 *std::move(right)});
  }
  return left;
}

Result<ExpressionPtr> Parser::unary() {
  const std::size_t position = now().position;
  if (take("+")) return primary();
  if (!take("-")) return primary();
  if (now().kind == TokenKind::kInt || now().kind == TokenKind::kFloat) return number(true);
  Result<ExpressionPtr> operand = primary();
  if (!operand) return operand;
  return expression(position, NegationSyntax{*std::move(operand)});
}

Result<ExpressionPtr> Parser::primary() {
  const Token& token = now();
  switch (token.kind) {
    case TokenKind::kInt:
    case TokenKind::kFloat:
      return number(false);
    case TokenKind::kBytes:
      ++cursor_;
      return expression(token.position, Value::bytes(bytes_of(token.text)));
    case TokenKind::kString:
      ++cursor_;
      return expression(token.position, Value::string(token.content));
    case TokenKind::kName:
      return name();
    default:
      break;
  }
  if (token.is("[")) return list();
  if (token.is("{")) return map();
  if (!take("(")) return unexpected_token("a value");
  Result<ExpressionPtr> inner = value();
  if (inner && !take(")")) return unexpected_token("\")\"");
  return inner;
}

Result<ExpressionPtr> Parser::number(bool negative) {
  const Token& token = now();
  const std::string text = (negative ? "-" : "") + std::string(token.text);
  const char* const end = text.data() + text.size();
  if (token.kind == TokenKind::kFloat) {
    double parsed = 0;
    if (std::from_chars(text.data(), end, parsed).ec != std::errc()) {
      return fail("the number does not fit a double");
    }
    ++cursor_;
    return expression(token.position, Value::number(parsed));
  }
  std::int64_t parsed = 0;
  if (std::from_chars(text.data(), end, parsed).ec != std::errc()) {
    return fail("the number does not fit 64 bits");
  }
  ++cursor_;
  return expression(token.position, Value::integer(parsed));
}

Result<ExpressionPtr> Parser::name() {
  const Token& token = now();
  if (token.is("nil") || token.is("true") || token.is("false")) {
    ++cursor_;
    if (token.is("nil")) return expression(token.position, Value());
    return expression(token.position, Value::boolean(token.is("true")));
  }
  if (is_keyword(token.text)) return unexpected_token("a value");
  if (next().is("(")) {
    if (!is_upper(token.text.front())) {
      return fail(
          fmt::format("{} is an editor and has no value; converters begin with an "
                      "upper-case letter",
                      token.text));
    }
    Result<CallSyntax> parsed = call();
    if (!parsed) return std::unexpected(parsed.error());
    return expression(token.position, *std::move(parsed));
  }
  if (is_upper(token.text.front())) {
    if (!is_enum(token.text)) {
      return fail(fmt::format("{0} is no enum; a converter is called with parentheses: {0}(...)",
                              token.text));
    }
    ++cursor_;
    return expression(token.position, EnumSyntax{std::string(token.text)});
  }
  Result<PathSyntax> parsed = path();
  if (!parsed) return std::unexpected(parsed.error());
  return expression(token.position, *std::move(parsed));
}

Result<PathSyntax> Parser::path() {
  PathSyntax parsed;
  do {
    if (now().kind != TokenKind::kName || is_upper(now().text.front())) {
      return unexpected_token("a path's next part");
    }
    PathSegment& segment = parsed.segments.emplace_back();
    segment.name = now().text;
    ++cursor_;
    Result<std::vector<ExpressionPtr>> read = keys();
    if (!read) return std::unexpected(read.error());
    segment.keys = *std::move(read);
  } while (take("."));
  return parsed;
}

Result<std::vector<ExpressionPtr>> Parser::keys() {
  std::vector<ExpressionPtr> parsed;
  while (take("[")) {
    Result<ExpressionPtr> key = value();
    if (!key) return std::unexpected(key.error());
    if (!take("]")) return unexpected_token("\"]\"");
    if (parsed.size() == static_cast<std::size_t>(kMaxSyntaxDepth))
      return fail("has too many keys");
    parsed.push_back(*std::move(key));
  }
  return parsed;
}

Result<CallSyntax> Parser::call() {
  CallSyntax parsed;
  parsed.name = now().text;
  cursor_ += 2;
  while (!now().is(")")) {
    if (!parsed.arguments.empty() && !take(",")) return unexpected_token("\",\" or \")\"");
    if (parsed.arguments.size() == kMaxItems) return fail("has too many arguments");
    Result<ArgumentSyntax> read = argument();
    if (!read) return std::unexpected(read.error());
    parsed.arguments.push_back(*std::move(read));
  }
  take(")");
  Result<std::vector<ExpressionPtr>> read = keys();
  if (!read) return std::unexpected(read.error());
  parsed.keys = *std::move(read);
  return parsed;
}

Result<ArgumentSyntax> Parser::argument() {
  ArgumentSyntax parsed;
  parsed.position = now().position;
  if (now().kind == TokenKind::kName && next().is("=")) {
    parsed.name = now().text;
    cursor_ += 2;
  }
  const bool is_function = now().kind == TokenKind::kName && is_upper(now().text.front()) &&
                           (next().is(",") || next().is(")"));
  if (is_function && !is_enum(now().text)) {
    parsed.function = now().text;
    ++cursor_;
    return parsed;
  }
  // All in capitals it may be a converter's name as well (SHA256): the parameter tells.
  if (is_function) parsed.function = now().text;
  Result<ExpressionPtr> read = value();
  if (!read) return std::unexpected(read.error());
  parsed.value = *std::move(read);
  return parsed;
}

Result<ExpressionPtr> Parser::list() {
  const std::size_t position = now().position;
  take("[");
  ListSyntax parsed;
  while (!take("]")) {
    if (!parsed.items.empty() && !take(",")) return unexpected_token("\",\" or \"]\"");
    if (take("]")) break;
    if (parsed.items.size() == kMaxItems) return fail("the list has too many items");
    Result<ExpressionPtr> item = value();
    if (!item) return item;
    parsed.items.push_back(*std::move(item));
  }
  return expression(position, std::move(parsed));
}

Result<ExpressionPtr> Parser::map() {
  const std::size_t position = now().position;
  take("{");
  MapSyntax parsed;
  while (!take("}")) {
    if (!parsed.entries.empty() && !take(",")) return unexpected_token("\",\" or \"}\"");
    if (take("}")) break;
    if (now().kind != TokenKind::kString || !next().is(":")) {
      return unexpected_token("a key, as in {\"key\": value}");
    }
    if (parsed.entries.size() == kMaxItems) return fail("the map has too many entries");
    std::string key = now().content;
    cursor_ += 2;
    Result<ExpressionPtr> entry = value();
    if (!entry) return entry;
    parsed.entries.emplace_back(std::move(key), *std::move(entry));
  }
  return expression(position, std::move(parsed));
}

}  // namespace kernspan::ottl
