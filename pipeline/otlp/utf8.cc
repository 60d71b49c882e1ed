#include "pipeline/otlp/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace kernspan::otlp {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

constexpr std::size_t kWord = sizeof(std::uint64_t);

bool is_ascii_word(const char* text) {
  std::uint64_t word;
  std::memcpy(&word, text, sizeof word);
  return (word & 0x8080808080808080U) == 0;
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  // The second byte's range excludes overlong forms, surrogates and values above U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

std::size_t replace_invalid_utf8(char* text, std::size_t size) {
  std::size_t replaced = 0;
  std::size_t i = 0;
  while (i < size) {
    // Nearly every string is ASCII: eight bytes at a time, the last eight overlapping.
    const std::size_t at = size >= kWord ? std::min(i, size - kWord) : size;
    if (at < size && is_ascii_word(text + at)) {
      i = at + kWord;
      continue;
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = utf8_sequence_length({text + i, size - i});
    if (length == 0) {
      text[i++] = '?';
      ++replaced;
    } else {
      i += length;
    }
  }
  return replaced;
}

}  // namespace kernspan::otlp
