// Byte classes of RFC 9110 section 5.6, and searches that look at many bytes at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kernspan::http1 {

inline constexpr std::array<bool, 256> kTokenTable = [] {
  std::array<bool, 256> table{};
  for (unsigned c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (unsigned c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

inline bool is_token_char(char c) {
  return kTokenTable[static_cast<unsigned char>(c)];
}
inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
inline bool is_space(char c) {
  return c == ' ' || c == '\t';
}
inline bool is_line_end(char c) {
  return c == '\r' || c == '\n';
}

// How many token characters `text` begins with; looks no further than `bytes_max`.
inline std::size_t token_size(std::string_view text, std::size_t bytes_max = SIZE_MAX) {
  const std::size_t end = text.size() < bytes_max ? text.size() : bytes_max;
  std::size_t size = 0;
  while (size < end && is_token_char(text[size])) ++size;
  return size;
}

// Without spaces and tabs at both ends. Line ends count as spaces: within a value they are folds.
inline std::string_view trim(std::string_view text) {
  while (!text.empty() && (is_space(text.front()) || is_line_end(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (is_space(text.back()) || is_line_end(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

// `lower` consists of lower-case letters, digits and '-': no character that can stand in a field
// name or in a trimmed list member becomes one of these when bit 5 is set, but its own upper case.
inline bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

// True if a byte of `text` is below kLimit or DEL.
template <unsigned char kLimit>
bool contains_below(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  const char* cursor = text.data();
  std::size_t left = text.size();
  for (; left >= sizeof(std::uint64_t); left -= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, cursor, sizeof word);
    const std::uint64_t below = (word - kOnes * kLimit) & ~word & kHighBits;
    const std::uint64_t delta = word ^ (kOnes * 0x7f);
    const std::uint64_t del = (delta - kOnes) & ~delta & kHighBits;
    if ((below | del) != 0) return true;
    cursor += sizeof word;
  }
  for (; left > 0; --left, ++cursor) {
    if (static_cast<unsigned char>(*cursor) < kLimit || *cursor == 0x7f) return true;
  }
  return false;
}

inline bool contains_control(std::string_view text) {
  return contains_below<0x20>(text);
}
inline bool contains_control_or_space(std::string_view text) {
  return contains_below<0x21>(text);
}

}  // namespace kernspan::http1
