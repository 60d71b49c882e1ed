#include "pipeline/ottl/functions/text_case.h"

#include <locale.h>
#include <wctype.h>

#include <cstdint>
#include <optional>

namespace kernspan::ottl {
namespace {

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool separates_words(char c) {
  return c == '_' || c == ' ' || c == '-' || c == '.';
}
char to_lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}
char to_upper(char c) {
  return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
}

// glibc has this locale built in: its case tables are Unicode's, whatever the program's locale is.
locale_t unicode_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

struct CodePoint {
  char32_t value;
  std::size_t size;
};

std::optional<CodePoint> decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if ((first >= 0x80 && first < 0xC2) || first > 0xF4 || size > text.size()) return std::nullopt;
  char32_t value = size == 1 ? first : first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3F);
  }
  return CodePoint{value, size};
}

template <typename OfAscii, typename OfOthers>
std::string map_letters(std::string_view text, OfAscii of_ascii, OfOthers of_others) {
  const locale_t locale = unicode_locale();
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<CodePoint> point = decode(text.substr(at));
    if (!point || point->size == 1 || locale == nullptr) {
      out += of_ascii(text[at++]);
      continue;
    }
    append_utf8(static_cast<char32_t>(of_others(static_cast<wint_t>(point->value), locale)), out);
    at += point->size;
  }
  return out;
}

// Whether the case changes between these letters of one name: a word ends at one or begins there.
bool changes_case(char c, char next) {
  if (is_upper(c)) return is_lower(next) || is_digit(next);
  if (is_lower(c)) return is_upper(next) || is_digit(next);
  if (is_digit(c)) return is_upper(next) || is_lower(next);
  return false;
}

}  // namespace

std::string_view trim_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

void append_utf8(char32_t point, std::string& out) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

std::string lower_case(std::string_view text) {
  return map_letters(text, to_lower, towlower_l);
}

std::string upper_case(std::string_view text) {
  return map_letters(text, to_upper, towupper_l);
}

std::string snake_case(std::string_view text) {
  text = trim_space(text);
  std::string out;
  out.reserve(text.size() + text.size() / 4);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (!changes_case(c, next)) {
      out += separates_words(c) ? '_' : to_lower(c);
      continue;
    }
    // The last capital of a run begins a word: "CPUUtilization" is two of them.
    if (is_upper(c) && is_lower(next) && i > 0 && is_upper(text[i - 1])) out += '_';
    out += to_lower(c);
    if (!is_upper(c) || is_digit(next)) out += '_';
  }
  return out;
}

std::string camel_case(std::string_view text) {
  text = trim_space(text);
  std::string out;
  out.reserve(text.size());
  bool begins_word = true;
  bool follows_capital = false;
  for (const char c : text) {
    if (is_upper(c) || is_lower(c)) {
      // A run of capitals is one word.
      out += begins_word ? to_upper(c) : follows_capital ? to_lower(c) : c;
      begins_word = false;
    } else if (is_digit(c)) {
      out += c;
      begins_word = true;
    } else {
      begins_word = separates_words(c);
    }
    follows_capital = is_upper(c);
  }
  return out;
}

}  // namespace kernspan::ottl
