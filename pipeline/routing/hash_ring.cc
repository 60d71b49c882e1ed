#include "pipeline/routing/hash_ring.h"

#include <zlib.h>

#include <algorithm>
#include <utility>

namespace kernspan {
namespace {

constexpr std::uint16_t kFree = 0xFFFF;

uLong crc_of(std::string_view bytes) {
  return crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

}  // namespace

HashRing::HashRing(std::vector<std::string> endpoints) : endpoints_(std::move(endpoints)) {
  if (endpoints_.empty()) return;
  owner_at_.assign(kPositions, kFree);
  const std::size_t placed = std::min<std::size_t>(endpoints_.size(), kFree);
  for (std::size_t endpoint = 0; endpoint < placed; ++endpoint) {
    const uLong name = crc_of(endpoints_[endpoint]);
    for (std::size_t point = 0; point < kPointsPerEndpoint; ++point) {
      const Bytef count = static_cast<Bytef>(point);
      std::uint16_t& owner = owner_at_[crc32_z(name, &count, 1) % kPositions];
      if (owner == kFree) owner = static_cast<std::uint16_t>(endpoint);
    }
  }
  // From the last position backwards; what lies behind the last taken one is the first one's.
  std::uint16_t next =
      *std::ranges::find_if(owner_at_, [](std::uint16_t owner) { return owner != kFree; });
  for (std::size_t position = kPositions; position-- > 0;) {
    std::uint16_t& owner = owner_at_[position];
    if (owner == kFree) {
      owner = next;
    } else {
      next = owner;
    }
  }
}

std::size_t HashRing::owner(std::string_view key) const {
  return owner_at(static_cast<std::uint32_t>(crc_of(key)));
}

std::size_t HashRing::positions_of(std::size_t endpoint) const {
  return static_cast<std::size_t>(
      std::ranges::count(owner_at_, static_cast<std::uint16_t>(endpoint)));
}

}  // namespace kernspan
