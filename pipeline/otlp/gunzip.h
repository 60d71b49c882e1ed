// gzip (RFC 1952) with a bound on what comes out: gRPC's own decompression has none, and 1 MB of
// input can be 1 GB of output.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>

namespace kernspan::otlp {

enum class GunzipError {
  kMalformed,  // not one complete gzip member and nothing else
  kTooLarge,   // more than max_bytes would come out
};

// Whether the bytes begin like gzip. No OTLP message does: its first byte would be a field of wire
// type 7, which does not exist.
bool is_gzip(std::string_view bytes);

// The bytes that one gzip member, given in pieces, stands for. Never holds more than `max_bytes`.
std::expected<std::string, GunzipError> gunzip(std::span<const std::string_view> pieces,
                                               std::size_t max_bytes);

}  // namespace kernspan::otlp
