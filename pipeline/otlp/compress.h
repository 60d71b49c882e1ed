// The encodings of HTTP bodies, and zstd frames of files.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kernspan::otlp {

enum class Deflate {
  kGzip,  // RFC 1952
  kZlib,  // RFC 1950; what HTTP calls deflate as well
};

// One complete stream of all pieces.
std::string deflate(std::span<const std::string_view> pieces, Deflate format);

// One complete frame (RFC 8878) that says how large its content is.
std::string zstd(std::span<const std::string_view> pieces);

}  // namespace kernspan::otlp
