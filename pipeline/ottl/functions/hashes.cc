#include "pipeline/ottl/functions/hashes.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace kernspan::ottl {
namespace {

const EVP_MD* openssl_digest(Digest digest) {
  switch (digest) {
    case Digest::kMd5:
      return EVP_md5();
    case Digest::kSha1:
      return EVP_sha1();
    case Digest::kSha256:
      return EVP_sha256();
    case Digest::kSha512:
      return EVP_sha512();
  }
  return nullptr;
}

template <typename Number>
Number load_little_endian(const char* bytes) {
  static_assert(std::endian::native == std::endian::little);
  Number number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

template <typename Number>
std::string little_endian_hex(Number number) {
  static_assert(std::endian::native == std::endian::little);
  std::array<char, sizeof number> bytes;
  std::memcpy(bytes.data(), &number, sizeof number);
  return hex_of({bytes.data(), bytes.size()});
}

// Spec: github.com/aappleby/smhasher, MurmurHash3.cpp
constexpr std::uint32_t kMurmur32C1 = 0xCC9E2D51;
constexpr std::uint32_t kMurmur32C2 = 0x1B873593;
constexpr std::uint64_t kMurmur128C1 = 0x87C37B91114253D5;
constexpr std::uint64_t kMurmur128C2 = 0x4CF5AD432745937F;

std::uint32_t murmur32_mix_key(std::uint32_t key) {
  return std::rotl(key * kMurmur32C1, 15) * kMurmur32C2;
}
std::uint64_t murmur128_mix_low(std::uint64_t key) {
  return std::rotl(key * kMurmur128C1, 31) * kMurmur128C2;
}
std::uint64_t murmur128_mix_high(std::uint64_t key) {
  return std::rotl(key * kMurmur128C2, 33) * kMurmur128C1;
}

std::uint32_t murmur32_finish(std::uint32_t hash) {
  hash = (hash ^ (hash >> 16)) * 0x85EBCA6B;
  hash = (hash ^ (hash >> 13)) * 0xC2B2AE35;
  return hash ^ (hash >> 16);
}
std::uint64_t murmur128_finish(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xFF51AFD7ED558CCD;
  hash = (hash ^ (hash >> 33)) * 0xC4CEB9FE1A85EC53;
  return hash ^ (hash >> 33);
}

// What is behind the last whole block, zeros behind it.
template <std::size_t kSize>
std::array<char, kSize> padded_tail(std::string_view tail) {
  std::array<char, kSize> padded{};
  if (!tail.empty()) std::memcpy(padded.data(), tail.data(), tail.size());
  return padded;
}

}  // namespace

Result<std::string> digest_bytes(Digest digest, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), out.data(), &size, openssl_digest(digest), nullptr) !=
      1) {
    return permanent("OpenSSL refuses this digest");
  }
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}

Result<std::string> hex_digest(Digest digest, std::string_view text) {
  const Result<std::string> bytes = digest_bytes(digest, text);
  if (!bytes) return bytes;
  return hex_of(*bytes);
}

std::uint64_t fnv1a_64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
  return hash;
}

std::string murmur3_32_hex(std::string_view text) {
  constexpr std::size_t kBlock = 4;
  std::uint32_t hash = 0;
  std::size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) {
    hash ^= murmur32_mix_key(load_little_endian<std::uint32_t>(text.data() + at));
    hash = std::rotl(hash, 13) * 5 + 0xE6546B64;
  }
  const auto tail = padded_tail<kBlock>(text.substr(at));
  hash ^= murmur32_mix_key(load_little_endian<std::uint32_t>(tail.data()));
  hash ^= static_cast<std::uint32_t>(text.size());
  return little_endian_hex(murmur32_finish(hash));
}

std::string murmur3_128_hex(std::string_view text) {
  constexpr std::size_t kBlock = 16;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) {
    low ^= murmur128_mix_low(load_little_endian<std::uint64_t>(text.data() + at));
    low = (std::rotl(low, 27) + high) * 5 + 0x52DCE729;
    high ^= murmur128_mix_high(load_little_endian<std::uint64_t>(text.data() + at + 8));
    high = (std::rotl(high, 31) + low) * 5 + 0x38495AB5;
  }
  const auto tail = padded_tail<kBlock>(text.substr(at));
  high ^= murmur128_mix_high(load_little_endian<std::uint64_t>(tail.data() + 8));
  low ^= murmur128_mix_low(load_little_endian<std::uint64_t>(tail.data()));
  low ^= text.size();
  high ^= text.size();
  low += high;
  high += low;
  low = murmur128_finish(low);
  high = murmur128_finish(high);
  low += high;
  high += low;
  return little_endian_hex(low) + little_endian_hex(high);
}

std::string xxh3_64_hex(std::string_view text) {
  return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
}

std::string xxh3_128_hex(std::string_view text) {
  const XXH128_hash_t hash = XXH3_128bits(text.data(), text.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string hex_of(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace kernspan::ottl
