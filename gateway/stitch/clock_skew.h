// How far the clocks of two nodes are apart, learned from requests that were seen at both ends. A
// server works inside of the time that its client waits, so that each exchange bounds the offset
// (server's clock less the client's):
//
//   server_end - client_end  <=  offset  <=  server_start - client_start
//
// The estimate is the middle of the interval that most of the latest exchanges agree on (Marzullo's
// algorithm, which NTP uses on its servers): a few wrong times do not move it, and a stepped or
// drifting clock replaces it within a window of exchanges.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kernspan::stitch {

struct Exchange {
  std::uint64_t client_start_ns = 0;
  std::uint64_t client_end_ns = 0;
  std::uint64_t server_start_ns = 0;
  std::uint64_t server_end_ns = 0;

  // Whether the server's time is not inside of the client's.
  bool is_outside() const {
    return server_start_ns < client_start_ns || server_end_ns > client_end_ns;
  }
};

struct ClockOffset {
  std::int64_t lower_ns = 0;
  std::int64_t upper_ns = 0;

  std::int64_t middle_ns() const { return lower_ns + (upper_ns - lower_ns) / 2; }
  // The clocks disagree, whatever the network does.
  bool is_proven() const { return lower_ns > 0 || upper_ns < 0; }
  ClockOffset reversed() const { return {-upper_ns, -lower_ns}; }

  bool operator==(const ClockOffset&) const = default;
};

// What one exchange says; nothing when its times contradict each other or lie years apart.
std::optional<ClockOffset> offset_of(const Exchange& exchange);

// One thread at a time.
class ClockSkew {
 public:
  // Of more pairs of nodes than that the ones that were seen longest ago are forgotten.
  explicit ClockSkew(std::size_t max_pairs) : max_pairs_(max_pairs) {}

  // Learns from an exchange between two different nodes; false when there is nothing to learn.
  // `now_ns` is monotonic. A microsecond, every eighth time a few.
  bool observe(const std::string& client, const std::string& server, const Exchange& exchange,
               std::uint64_t now_ns);

  // The server's clock less the client's; nothing for nodes that have not met.
  std::optional<ClockOffset> estimate(const std::string& client, const std::string& server) const;

  struct Known {
    std::string node;
    std::string peer;
    ClockOffset offset;  // peer's clock less node's
  };
  // The pairs with the largest offsets.
  std::vector<Known> largest(std::size_t count) const;

  std::size_t pairs() const { return pairs_.size(); }

 private:
  static constexpr std::size_t kWindow = 64;

  struct Sample {
    ClockOffset offset;
    std::uint64_t at_ns = 0;
  };
  using Key = std::pair<std::string, std::string>;  // in the order of the alphabet
  struct Pair {
    std::array<Sample, kWindow> samples;
    std::uint64_t observed = 0;
    ClockOffset estimate;
    std::list<Key>::iterator use;
  };

  static ClockOffset agree(const Pair& pair, std::uint64_t now_ns);
  Pair& pair_of(const Key& key);

  const std::size_t max_pairs_;
  std::map<Key, Pair> pairs_;
  std::list<Key> uses_;  // the latest last
};

}  // namespace kernspan::stitch
