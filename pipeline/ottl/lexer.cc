#include "pipeline/ottl/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace kernspan::ottl {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80 | (code >> shift & 0x3F));
  };
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    tail(0);
  } else if (code < 0x1'0000) {
    out += static_cast<char>(0xE0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

}  // namespace

Error error_at(std::size_t position, std::string_view message) {
  return {.message = fmt::format("column {}: {}", position + 1, message)};
}

Result<Token> Lexer::next() {
  while (cursor_ < text_.size() && is_space(text_[cursor_])) ++cursor_;
  const std::size_t begin = cursor_;
  if (begin == text_.size()) return token(TokenKind::kEnd, begin);
  const char c = text_[begin];
  const char following = begin + 1 < text_.size() ? text_[begin + 1] : '\0';
  if (is_digit(c) || (c == '.' && is_digit(following))) return number(begin);
  if (c == '"') return string(begin);
  if (is_letter(c)) {
    while (cursor_ < text_.size() && (is_letter(text_[cursor_]) || is_digit(text_[cursor_]))) {
      ++cursor_;
    }
    return token(TokenKind::kName, begin);
  }
  if (following == '=' && std::string_view("=!<>").contains(c)) {
    cursor_ += 2;
    return token(TokenKind::kCompare, begin);
  }
  ++cursor_;
  if (c == '<' || c == '>') return token(TokenKind::kCompare, begin);
  if (std::string_view("()[]{},.:=+-*/").contains(c)) return token(TokenKind::kPunct, begin);
  if (c == '\'') return std::unexpected(error_at(begin, "strings have double quotes: \"...\""));
  if (c == '&' || c == '|' || c == '!') {
    return std::unexpected(error_at(begin, "conditions are joined by and, or, not"));
  }
  return std::unexpected(error_at(begin, fmt::format("'{}' has no meaning here", c)));
}

bool Lexer::skip_digits() {
  const std::size_t begin = cursor_;
  while (cursor_ < text_.size() && is_digit(text_[cursor_])) ++cursor_;
  return cursor_ != begin;
}

Result<Token> Lexer::number(std::size_t begin) {
  const auto at = [&](char c) { return cursor_ < text_.size() && text_[cursor_] == c; };
  if (text_.substr(begin).starts_with("0x")) {
    cursor_ += 2;
    while (cursor_ < text_.size() && is_hex_digit(text_[cursor_])) ++cursor_;
    if ((cursor_ - begin) % 2 != 0 || cursor_ - begin == 2) {
      return std::unexpected(error_at(begin, "bytes have two hex digits each: 0x0a1b"));
    }
    return token(TokenKind::kBytes, begin);
  }
  skip_digits();
  const bool has_fraction = at('.') && cursor_ + 1 < text_.size() && is_digit(text_[cursor_ + 1]);
  if (!has_fraction) return token(TokenKind::kInt, begin);
  ++cursor_;
  skip_digits();
  if (at('e') || at('E')) {
    const std::size_t exponent = cursor_++;
    if (at('+') || at('-')) ++cursor_;
    if (!skip_digits()) cursor_ = exponent;
  }
  return token(TokenKind::kFloat, begin);
}

Result<Token> Lexer::string(std::size_t begin) {
  std::string content;
  for (++cursor_; cursor_ < text_.size() && text_[cursor_] != '"';) {
    if (text_[cursor_] != '\\') {
      content += text_[cursor_++];
    } else if (Status read = unescape(content); !read) {
      return std::unexpected(read.error());
    }
  }
  if (cursor_ >= text_.size()) {
    return std::unexpected(error_at(begin, "the string has no closing quote"));
  }
  ++cursor_;
  Token read = token(TokenKind::kString, begin);
  read.content = std::move(content);
  return read;
}

// At the backslash.
Status Lexer::unescape(std::string& content) {
  constexpr std::string_view kLetters = "abfnrtv\\\"";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\\"";
  const std::size_t begin = cursor_++;
  const char c = cursor_ < text_.size() ? text_[cursor_] : '\0';
  if (const std::size_t letter = kLetters.find(c); letter != std::string_view::npos) {
    ++cursor_;
    content += kMeanings[letter];
    return {};
  }
  if (c == 'u' || c == 'U') {
    ++cursor_;
    return code_point(c == 'u' ? 4 : 8, content);
  }
  const bool is_hex = c == 'x';
  const bool is_octal = c >= '0' && c <= '7';
  if (!is_hex && !is_octal) {
    return std::unexpected(
        error_at(begin, fmt::format("\\{0} is no escape; a backslash is written \\\\{0}", c)));
  }
  if (is_hex) ++cursor_;
  const std::size_t digits = is_hex ? 2 : 3;
  const std::string_view number = text_.substr(cursor_, digits);
  unsigned byte = 0;
  const auto end =
      std::from_chars(number.data(), number.data() + number.size(), byte, is_hex ? 16 : 8);
  if (number.size() != digits || end.ptr != number.data() + number.size() || byte > 0xFF) {
    return std::unexpected(error_at(begin, "the escape is not \\xHH or \\OOO"));
  }
  cursor_ += digits;
  content += static_cast<char>(byte);
  return {};
}

Status Lexer::code_point(std::size_t digits, std::string& content) {
  const std::string_view number = text_.substr(cursor_, digits);
  std::uint32_t code = 0;
  const auto end = std::from_chars(number.data(), number.data() + number.size(), code, 16);
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (number.size() != digits || end.ptr != number.data() + number.size() || code > 0x10'FFFF ||
      is_surrogate) {
    return std::unexpected(error_at(cursor_, "the escape is no Unicode character"));
  }
  cursor_ += digits;
  append_utf8(code, content);
  return {};
}

}  // namespace kernspan::ottl
