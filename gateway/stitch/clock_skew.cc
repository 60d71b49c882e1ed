#include "gateway/stitch/clock_skew.h"

#include <algorithm>
#include <cstdlib>

namespace kernspan::stitch {
namespace {

// Offsets beyond a year are no clocks that are apart, and could overflow.
constexpr std::int64_t kMaxOffset = 365LL * 24 * 3600 * 1'000'000'000;
// Clocks drift by at most about 100 us per second: after ten minutes an exchange says little.
constexpr std::uint64_t kMaxAge = 600ULL * 1'000'000'000;
// The first exchanges count at once, later ones by the dozen.
constexpr std::uint64_t kSettled = 16;
constexpr std::uint64_t kEvery = 8;

std::int64_t difference(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::int64_t>(a - b);
}

bool is_credible(std::int64_t offset) {
  return offset <= kMaxOffset && offset >= -kMaxOffset;
}

}  // namespace

std::optional<ClockOffset> offset_of(const Exchange& exchange) {
  const ClockOffset offset{
      .lower_ns = difference(exchange.server_end_ns, exchange.client_end_ns),
      .upper_ns = difference(exchange.server_start_ns, exchange.client_start_ns)};
  if (!is_credible(offset.lower_ns) || !is_credible(offset.upper_ns)) return std::nullopt;
  if (offset.lower_ns > offset.upper_ns) return std::nullopt;
  return offset;
}

ClockSkew::Pair& ClockSkew::pair_of(const Key& key) {
  if (const auto found = pairs_.find(key); found != pairs_.end()) {
    uses_.splice(uses_.end(), uses_, found->second.use);
    return found->second;
  }
  if (pairs_.size() >= max_pairs_ && !uses_.empty()) {
    pairs_.erase(uses_.front());
    uses_.pop_front();
  }
  uses_.push_back(key);
  Pair& pair = pairs_[key];
  pair.use = std::prev(uses_.end());
  return pair;
}

bool ClockSkew::observe(const std::string& client, const std::string& server,
                        const Exchange& exchange, std::uint64_t now_ns) {
  if (client == server) return false;
  std::optional<ClockOffset> offset = offset_of(exchange);
  if (!offset) return false;
  const bool in_order = client < server;
  if (!in_order) offset = offset->reversed();
  Pair& pair = pair_of(in_order ? Key{client, server} : Key{server, client});
  pair.samples[pair.observed % kWindow] = {.offset = *offset, .at_ns = now_ns};
  ++pair.observed;
  if (pair.observed <= kSettled || pair.observed % kEvery == 0) {
    pair.estimate = agree(pair, now_ns);
  }
  return true;
}

// Walks over the ends of all intervals in order and finds where most of them overlap.
ClockOffset ClockSkew::agree(const Pair& pair, std::uint64_t now_ns) {
  struct End {
    std::int64_t at;
    bool closes;
  };
  std::array<End, 2 * kWindow> ends;
  std::size_t count = 0;
  const std::size_t samples = std::min<std::uint64_t>(pair.observed, kWindow);
  for (std::size_t i = 0; i < samples; ++i) {
    const Sample& sample = pair.samples[i];
    if (now_ns > sample.at_ns && now_ns - sample.at_ns > kMaxAge) continue;
    ends[count++] = {sample.offset.lower_ns, false};
    ends[count++] = {sample.offset.upper_ns, true};
  }
  std::sort(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(count),
            [](const End& a, const End& b) {
              return a.at != b.at ? a.at < b.at : !a.closes && b.closes;
            });
  ClockOffset best;
  std::size_t open = 0;
  std::size_t most = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (ends[i].closes) {
      --open;
      continue;
    }
    if (++open <= most) continue;
    most = open;
    // The interval that has just begun lasts to the next end, whichever that is.
    best = {.lower_ns = ends[i].at, .upper_ns = ends[i + 1].at};
  }
  return best;
}

std::optional<ClockOffset> ClockSkew::estimate(const std::string& client,
                                               const std::string& server) const {
  const bool in_order = client < server;
  const auto found = pairs_.find(in_order ? Key{client, server} : Key{server, client});
  if (found == pairs_.end()) return std::nullopt;
  return in_order ? found->second.estimate : found->second.estimate.reversed();
}

std::vector<ClockSkew::Known> ClockSkew::largest(std::size_t count) const {
  std::vector<Known> known;
  known.reserve(pairs_.size());
  for (const auto& [key, pair] : pairs_) {
    known.push_back({.node = key.first, .peer = key.second, .offset = pair.estimate});
  }
  const auto size = [](const Known& pair) { return -std::abs(pair.offset.middle_ns()); };
  const std::size_t kept = std::min(count, known.size());
  std::ranges::partial_sort(known, known.begin() + static_cast<std::ptrdiff_t>(kept), {}, size);
  known.resize(kept);
  return known;
}

}  // namespace kernspan::stitch
