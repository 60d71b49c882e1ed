#include "pipeline/routing/hash_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace kernspan {
namespace {

using Endpoints = std::vector<std::string>;

TraceId trace(std::initializer_list<std::uint8_t> first_bytes) {
  TraceId id;
  std::ranges::copy(first_bytes, id.bytes.begin());
  return id;
}

Endpoints numbered(std::size_t count) {
  Endpoints endpoints;
  for (std::size_t i = 0; i < count; ++i) {
    endpoints.push_back("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) +
                        ":4317");
  }
  std::ranges::sort(endpoints);
  return endpoints;
}

std::vector<TraceId> random_traces(std::size_t count) {
  std::mt19937_64 random(7);
  std::vector<TraceId> traces(count);
  for (TraceId& id : traces) {
    std::ranges::generate(id.bytes, [&] { return static_cast<std::uint8_t>(random()); });
  }
  return traces;
}

// The definition, step by step: CRC-32 bit by bit, a sorted map of positions, the next one wins.
std::uint32_t plain_crc(std::string_view bytes) {
  std::uint32_t crc = 0xFFFF'FFFF;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB8'8320 : 0);
  }
  return ~crc;
}

std::map<std::uint32_t, std::string> plain_positions(const Endpoints& endpoints) {
  std::map<std::uint32_t, std::string> positions;
  for (const std::string& endpoint : endpoints) {
    for (int point = 0; point < 100; ++point) {
      positions.try_emplace(plain_crc(endpoint + static_cast<char>(point)) % 36'000, endpoint);
    }
  }
  return positions;
}

TEST(HashRing, HasUpstreamsPlacement) {
  const HashRing ring(Endpoints{"endpoint-1", "endpoint-2"});
  // From the tests of the collector's exporter.
  EXPECT_EQ(ring.owner(trace({1, 2, 0, 0})), 0u);
  EXPECT_EQ(ring.owner(trace({128, 128, 0, 0})), 1u);
  for (const std::uint32_t position : {1401u, 4175u, 14'133u, 17'836u, 21'667u}) {
    EXPECT_EQ(ring.owner_at(position), 0u) << position;
  }
  for (const std::uint32_t position : {10'240u, 15'002u, 21'263u, 26'806u, 27'020u}) {
    EXPECT_EQ(ring.owner_at(position), 1u) << position;
  }
}

TEST(HashRing, IsWhatItsDefinitionSays) {
  for (const std::size_t count : {1u, 2u, 3u, 7u, 40u}) {
    const Endpoints endpoints = numbered(count);
    const HashRing ring(endpoints);
    const auto positions = plain_positions(endpoints);
    for (const TraceId& id : random_traces(2000)) {
      auto next = positions.lower_bound(plain_crc(id.view()) % 36'000);
      if (next == positions.end()) next = positions.begin();
      ASSERT_EQ(endpoints[ring.owner(id)], next->second);
    }
  }
}

TEST(HashRing, EmptyOneHasNoOwners) {
  const HashRing ring;
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.owner(trace({1})), HashRing::kNone);
  EXPECT_EQ(HashRing(Endpoints{}).owner("key"), HashRing::kNone);
}

TEST(HashRing, KeysOfAnyLengthHaveOwners) {
  const HashRing ring(numbered(3));
  std::set<std::size_t> owners;
  for (int i = 0; i < 100; ++i) owners.insert(ring.owner("service-" + std::to_string(i)));
  EXPECT_EQ(owners.size(), 3u);
  EXPECT_LT(ring.owner(""), 3u);
}

TEST(HashRing, SharesAreAboutEqual) {
  constexpr std::size_t kEndpoints = 10;
  const HashRing ring(numbered(kEndpoints));
  std::vector<double> share(kEndpoints);
  const auto traces = random_traces(100'000);
  for (const TraceId& id : traces) share[ring.owner(id)] += 1.0 / 100'000;
  std::size_t positions = 0;
  for (std::size_t i = 0; i < kEndpoints; ++i) {
    EXPECT_NEAR(share[i], 0.1, 0.05) << i;
    EXPECT_NEAR(share[i], static_cast<double>(ring.positions_of(i)) / HashRing::kPositions, 0.01);
    positions += ring.positions_of(i);
  }
  EXPECT_EQ(positions, HashRing::kPositions);
}

TEST(HashRing, ANewEndpointTakesKeysAndMovesNoOthers) {
  const Endpoints before = numbered(9);
  Endpoints after = before;
  after.push_back("10.1.0.1:4317");
  std::ranges::sort(after);
  const HashRing old_ring(before);
  const HashRing new_ring(after);
  std::size_t moved = 0;
  std::size_t moved_elsewhere = 0;
  for (const TraceId& id : random_traces(100'000)) {
    const std::string& from = before[old_ring.owner(id)];
    const std::string& to = after[new_ring.owner(id)];
    if (from == to) continue;
    ++moved;
    if (to != "10.1.0.1:4317") ++moved_elsewhere;
  }
  EXPECT_NEAR(static_cast<double>(moved) / 100'000, 0.1, 0.05);
  // Two endpoints that would take one position: the new one may come first in the order.
  EXPECT_LE(moved_elsewhere, 1'000u);
}

TEST(HashRing, ARemovedEndpointLeavesItsKeysToTheOthers) {
  const Endpoints before = numbered(10);
  Endpoints after = before;
  after.erase(after.begin() + 4);
  const HashRing old_ring(before);
  const HashRing new_ring(after);
  std::size_t moved = 0;
  std::size_t owned = 0;
  for (const TraceId& id : random_traces(100'000)) {
    const std::string& from = before[old_ring.owner(id)];
    if (from == before[4]) ++owned;
    if (from != after[new_ring.owner(id)]) ++moved;
  }
  EXPECT_GE(moved, owned);
  EXPECT_LE(moved, owned + 1'000);
}

}  // namespace
}  // namespace kernspan
