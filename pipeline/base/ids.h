// Trace and span ids: fixed bytes, all zero means absent (W3C Trace Context, OTLP).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace kernspan {

template <std::size_t kBytes>
struct Id {
  std::array<std::uint8_t, kBytes> bytes{};

  bool is_valid() const { return *this != Id{}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), kBytes}; }

  // Lower-case hex, two digits a byte.
  std::string hex() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text(2 * kBytes, '0');
    for (std::size_t i = 0; i < kBytes; ++i) {
      text[2 * i] = kDigits[bytes[i] >> 4];
      text[2 * i + 1] = kDigits[bytes[i] & 15];
    }
    return text;
  }

  // Exactly 2 * kBytes hex digits; upper case is accepted (W3C requires lower: callers check).
  static std::optional<Id> from_hex(std::string_view text) {
    if (text.size() != 2 * kBytes) return std::nullopt;
    Id id;
    for (std::size_t i = 0; i < kBytes; ++i) {
      const int high = nibble(text[2 * i]);
      const int low = nibble(text[2 * i + 1]);
      if (high < 0 || low < 0) return std::nullopt;
      id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return id;
  }

  // Word by word: the call of memcmp() that the arrays' own comparison is costs more than the rest of
  // a look-up.
  bool operator==(const Id& other) const {
    if constexpr (kBytes % sizeof(std::uint64_t) != 0) return bytes == other.bytes;
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < kBytes; i += sizeof difference)
      difference |= word(i) ^ other.word(i);
    return difference == 0;
  }
  auto operator<=>(const Id&) const = default;

 private:
  std::uint64_t word(std::size_t begin) const {
    std::uint64_t read;
    std::memcpy(&read, bytes.data() + begin, sizeof read);
    return read;
  }
  static constexpr int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
};

using TraceId = Id<16>;
using SpanId = Id<8>;

}  // namespace kernspan

template <std::size_t kBytes>
struct std::hash<kernspan::Id<kBytes>> {
  // Ids are random: their first bytes are hash enough.
  std::size_t operator()(const kernspan::Id<kBytes>& id) const noexcept {
    std::size_t value;
    static_assert(kBytes >= sizeof value);
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
