// A hash of ids that come from outside: whoever does not know the key cannot make ids collide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#include "pipeline/base/ids.h"

namespace kernspan {

class KeyedIdHash {
 public:
  explicit KeyedIdHash(std::uint64_t key) : key_(key | 1) {}

  // A key of its own for each container.
  static KeyedIdHash random() {
    std::random_device device;
    return KeyedIdHash(std::uint64_t{device()} << 32 | device());
  }

  std::size_t operator()(const TraceId& id) const noexcept {
    std::uint64_t halves[2];
    std::memcpy(halves, id.bytes.data(), sizeof halves);
    return mix(mix(halves[0]) ^ halves[1]);
  }
  std::size_t operator()(const TraceId& trace, const SpanId& span) const noexcept {
    std::uint64_t number = 0;
    std::memcpy(&number, span.bytes.data(), sizeof number);
    return mix((*this)(trace) ^ number);
  }

 private:
  // The two halves of a product with a secret odd number, one over the other.
  std::uint64_t mix(std::uint64_t number) const noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(number ^ kSpread) * (key_ ^ kOther);
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }

  static constexpr std::uint64_t kSpread = 0x9E37'79B9'7F4A'7C15;
  static constexpr std::uint64_t kOther = 0xD1B5'4A32'D192'ED02;  // even: an odd key stays odd

  std::uint64_t key_;
};

}  // namespace kernspan
