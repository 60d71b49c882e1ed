// UTF-8 checks for strings that come from captured traffic. Protobuf strings must be valid UTF-8:
// one stray byte makes a strict backend reject the whole request.
#pragma once

#include <cstddef>
#include <string_view>

namespace kernspan::otlp {

// Overwrites every byte that is not part of a well-formed sequence (RFC 3629: no overlong forms, no
// surrogates, nothing above U+10FFFF) with '?', so that lengths stay what they were. Returns the
// number of bytes overwritten.
std::size_t replace_invalid_utf8(char* text, std::size_t size);

// The length of the well-formed sequence at the front of `text`, 1 to 4; 0 when there is none.
std::size_t utf8_sequence_length(std::string_view text);

}  // namespace kernspan::otlp
