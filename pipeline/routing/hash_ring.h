// Which of several endpoints owns a key: consistent hashing, with the placement of the collector's
// loadbalancing exporter, so that both send a trace to the same endpoint.
//
// A ring of 36,000 positions. Each endpoint takes up to 100 of them: the CRC-32 (IEEE) of its name
// and one byte that counts from 0 to 99, modulo the number of positions; a position that is taken
// already stays with the one before. A key is at the CRC-32 of its bytes, modulo the same, and owned
// by whoever has that position or the next taken one. When an endpoint comes or goes, keys move only
// to it or away from it: about 1/N of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/ids.h"

namespace kernspan {

// Immutable once made: any thread may ask.
class HashRing {
 public:
  static constexpr std::uint32_t kPositions = 36'000;
  static constexpr std::size_t kPointsPerEndpoint = 100;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  HashRing() = default;  // nobody owns anything
  // In the order of a resolver's answer (sorted, each once): it decides who keeps a position that
  // two would take. More than 65,534 endpoints are not placed.
  explicit HashRing(std::vector<std::string> endpoints);

  // The number of the owner in endpoints(); kNone when there is no endpoint. One CRC of the key and
  // one look into a table (72 KB).
  std::size_t owner(std::string_view key) const;
  std::size_t owner(const TraceId& id) const { return owner(id.view()); }

  std::size_t owner_at(std::uint32_t position) const {
    return owner_at_.empty() ? kNone : owner_at_[position % kPositions];
  }

  const std::vector<std::string>& endpoints() const { return endpoints_; }
  bool empty() const { return endpoints_.empty(); }
  // How many positions an endpoint owns: its share of the keys.
  std::size_t positions_of(std::size_t endpoint) const;

 private:
  std::vector<std::string> endpoints_;
  std::vector<std::uint16_t> owner_at_;  // of each position; empty: there is no endpoint
};

}  // namespace kernspan
