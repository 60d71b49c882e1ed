#include "pipeline/base/wire_identity.h"

#include <xxhash.h>

#include <cstring>
#include <string_view>

namespace kernspan {
namespace {

constexpr std::string_view kDomain = "kernspan-wire-1\n";
constexpr std::size_t kEncodedBytes = kDomain.size() + 16 + 2 + 4;

// Byte order and layout of this are part of what agents of all versions agree on.
std::array<std::uint8_t, kEncodedBytes> encode(const WireIdentity& identity) {
  std::array<std::uint8_t, kEncodedBytes> bytes;
  std::uint8_t* to = bytes.data();
  std::memcpy(to, kDomain.data(), kDomain.size());
  to += kDomain.size();
  std::memcpy(to, identity.client_ip.data(), identity.client_ip.size());
  to += identity.client_ip.size();
  *to++ = static_cast<std::uint8_t>(identity.client_port >> 8);
  *to++ = static_cast<std::uint8_t>(identity.client_port);
  for (int shift = 24; shift >= 0; shift -= 8) {
    *to++ = static_cast<std::uint8_t>(identity.request_seq >> shift);
  }
  return bytes;
}

}  // namespace

TraceId derived_trace_id(const WireIdentity& identity) {
  const auto bytes = encode(identity);
  XXH128_canonical_t hash;
  XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes.data(), bytes.size()));
  TraceId id;
  static_assert(sizeof hash.digest == sizeof id.bytes);
  std::memcpy(id.bytes.data(), hash.digest, sizeof hash.digest);
  if (!id.is_valid()) id.bytes.back() = 1;
  return id;
}

}  // namespace kernspan
