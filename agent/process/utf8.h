// Names and paths are bytes to the kernel; OTLP strings must be UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kernspan::process {

// Valid UTF-8 of at most `max_bytes` bytes: each byte that is not part of a well-formed sequence
// becomes U+FFFD; what does not fit is cut between characters.
std::string to_utf8(std::string_view bytes, std::size_t max_bytes);

}  // namespace kernspan::process
