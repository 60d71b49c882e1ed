// The hashes of OTTL, as text in the form that upstream's converters give them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::ottl {

enum class Digest : std::uint8_t { kMd5, kSha1, kSha256, kSha512 };

// Lower-case hexadecimal. Fails where the system's OpenSSL has the digest switched off (FIPS).
Result<std::string> hex_digest(Digest digest, std::string_view text);
// The same as bytes.
Result<std::string> digest_bytes(Digest digest, std::string_view text);

std::uint64_t fnv1a_64(std::string_view text);

// MurmurHash3, x86 32 bits and x64 128 bits, seed 0: the bytes in little-endian order, hexadecimal.
std::string murmur3_32_hex(std::string_view text);
std::string murmur3_128_hex(std::string_view text);

// XXH3: the number in hexadecimal, leading zeros included.
std::string xxh3_64_hex(std::string_view text);
std::string xxh3_128_hex(std::string_view text);

// Lower-case, two digits a byte.
std::string hex_of(std::string_view bytes);

}  // namespace kernspan::ottl
