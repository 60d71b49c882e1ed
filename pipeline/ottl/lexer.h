#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::ottl {

enum class TokenKind : std::uint8_t {
  kEnd,
  kBytes,    // 0x...
  kFloat,    // without a sign, as all numbers
  kInt,      // digits
  kString,   // token.content is without quotes and escapes
  kName,     // letters, digits and _; keywords as well
  kPunct,    // one of ( ) [ ] { } , . : = + - * /
  kCompare,  // == != < <= > >=
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::size_t position = 0;
  std::string_view text = {};  // as written
  std::string content = {};    // of a string

  bool is(std::string_view word) const {
    return (kind == TokenKind::kPunct || kind == TokenKind::kName) && text == word;
  }
};

// "column 12: message"
Error error_at(std::size_t position, std::string_view message);

// Splits a text into tokens; borrows the text. Strings have Go's escapes.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<Token> next();

 private:
  Result<Token> number(std::size_t begin);
  Result<Token> string(std::size_t begin);
  Status unescape(std::string& content);
  Status code_point(std::size_t digits, std::string& content);
  Token token(TokenKind kind, std::size_t begin) const {
    return {.kind = kind, .position = begin, .text = text_.substr(begin, cursor_ - begin)};
  }
  bool skip_digits();

  std::string_view text_;
  std::size_t cursor_ = 0;
};

}  // namespace kernspan::ottl
