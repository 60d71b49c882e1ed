// Bodies of HTTP requests, decompressed within a bound.
// Specs: RFC 9110 8.4 (Content-Encoding), RFC 1950-1952 (zlib, deflate, gzip), RFC 8878 (zstd)
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace kernspan {

// zlib and deflate are the same format: RFC 1950, whatever a client's library calls it.
enum class ContentEncoding : std::uint8_t { kIdentity, kGzip, kZlib, kDeflate, kZstd };

// By the name in a header or in the settings; nothing for one that is not known.
std::optional<ContentEncoding> content_encoding(std::string_view name);

enum class DecodeError {
  kMalformed,  // not whole streams of that encoding, and nothing else
  kTooLarge,   // more than max_bytes would come out
};

// What the body stands for. Never holds more than `max_bytes`, and for zstd a window of 8 MiB: more
// is asked for by its levels above 19 only, and is kMalformed.
std::expected<std::string, DecodeError> decode_body(ContentEncoding encoding, std::string body,
                                                    std::size_t max_bytes);

}  // namespace kernspan
