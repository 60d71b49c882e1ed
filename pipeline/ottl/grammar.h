// The parser's rules, one function each. Behind parser.h.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "pipeline/ottl/lexer.h"
#include "pipeline/ottl/syntax.h"

namespace kernspan::ottl {

inline bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

// Recursive descent over one list of tokens; every level of nesting counts against kMaxSyntaxDepth.
class Parser {
 public:
  Status read(std::string_view text);

  Result<BooleanPtr> condition();
  Result<StatementSyntax> statement();

 private:
  class Nesting {
   public:
    explicit Nesting(int& depth) : depth_(depth) { ++depth_; }
    ~Nesting() { --depth_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    bool too_deep() const { return depth_ > kMaxSyntaxDepth; }

   private:
    int& depth_;
  };

  const Token& now() const { return tokens_[cursor_]; }
  const Token& next() const { return tokens_[std::min(cursor_ + 1, tokens_.size() - 1)]; }
  bool take(std::string_view word) {
    if (!now().is(word)) return false;
    ++cursor_;
    return true;
  }
  std::unexpected<Error> fail(std::string_view message) const {
    return std::unexpected(error_at(now().position, message));
  }
  std::unexpected<Error> unexpected_token(std::string_view wanted) const {
    if (now().kind == TokenKind::kEnd) return fail(fmt::format("ends where {} should be", wanted));
    if (now().is("=")) {
      return fail(fmt::format("unexpected \"=\" instead of {}; is \"==\" meant?", wanted));
    }
    return fail(fmt::format("unexpected {} instead of {}", now().text.substr(0, 40), wanted));
  }

  Result<BooleanPtr> any();
  Result<BooleanPtr> all();
  Result<BooleanPtr> factor();
  Result<BooleanPtr> plain_factor();
  Result<BooleanPtr> parenthesized();
  template <typename Syntax, typename Operand>
  Result<BooleanPtr> joined(std::string_view word, Operand operand);

  Result<ExpressionPtr> value();
  Result<ExpressionPtr> chain(std::string_view signs, Result<ExpressionPtr> (Parser::*operand)());
  Result<ExpressionPtr> product() { return chain("*/", &Parser::unary); }
  Result<ExpressionPtr> unary();
  Result<ExpressionPtr> primary();
  Result<ExpressionPtr> number(bool negative);
  Result<ExpressionPtr> name();
  Result<ExpressionPtr> list();
  Result<ExpressionPtr> map();
  Result<PathSyntax> path();
  Result<CallSyntax> call();
  Result<ArgumentSyntax> argument();
  Result<std::vector<ExpressionPtr>> keys();

  template <typename Node>
  static ExpressionPtr expression(std::size_t position, Node node) {
    return std::make_unique<Expression>(Expression{position, std::move(node)});
  }
  template <typename Node>
  static BooleanPtr boolean(std::size_t position, Node node) {
    return std::make_unique<BooleanSyntax>(BooleanSyntax{position, std::move(node)});
  }

  std::vector<Token> tokens_;
  std::size_t cursor_ = 0;
  int depth_ = 0;
};

}  // namespace kernspan::ottl
