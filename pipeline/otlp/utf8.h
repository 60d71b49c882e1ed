// UTF-8 checks for strings that come from captured traffic. Protobuf strings must be valid UTF-8:
// one stray byte makes a strict backend reject the whole request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace kernspan::otlp {

// Copies the text and tells whether all of it is ASCII, as nearly every string is: one pass over words,
// which for short texts is faster than memcpy() and a check.
inline bool copy_is_ascii(char* to, std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const char* const from = text.data();
  const std::size_t size = text.size();
  std::uint64_t seen = 0;
  const auto copy_word = [&](std::size_t at) {
    std::uint64_t word;
    std::memcpy(&word, from + at, kWord);
    std::memcpy(to + at, &word, kWord);
    seen |= word;
  };
  if (size >= kWord) {
    for (std::size_t at = 0; at < size - kWord; at += kWord) copy_word(at);
    copy_word(size - kWord);  // the last one overlaps the one before
  } else {
    for (std::size_t at = 0; at < size; ++at) {
      to[at] = from[at];
      seen |= static_cast<unsigned char>(from[at]);
    }
  }
  return (seen & 0x8080808080808080U) == 0;
}

// Overwrites every byte that is not part of a well-formed sequence (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF) with '?', so that lengths stay what they were. Returns the
// number of bytes overwritten.
std::size_t replace_invalid_utf8(char* text, std::size_t size);

// The length of the well-formed sequence at the front of `text`, 1 to 4; 0 when there is none.
std::size_t utf8_sequence_length(std::string_view text);

}  // namespace kernspan::otlp
