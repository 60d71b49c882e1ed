#include "pipeline/processors/tail_sampling/policies/chance.h"

#include <algorithm>
#include <tuple>

namespace kernspan::sampling {
namespace {

using Chances = std::vector<Chance>;

void sort(Chances& chances) {
  std::ranges::sort(chances, {},
                    [](const Chance& chance) { return std::tuple(chance.axis, chance.low); });
}

// How much of the axis of `chances[i]` its intervals cover; `i` is then at the next axis.
double covered(const Chances& chances, std::size_t& i) {
  const Axis axis = chances[i].axis;
  double result = 0;
  double end = 0;
  for (; i < chances.size() && chances[i].axis == axis; ++i) {
    const double begin = std::max(chances[i].low, end);
    if (chances[i].high <= begin) continue;
    result += chances[i].high - begin;
    end = chances[i].high;
  }
  return result;
}

double covered_of_one(Chances& chances) {
  sort(chances);
  std::size_t i = 0;
  return chances.empty() ? 0 : covered(chances, i);
}

// The probability that no axis' number is in an interval.
double none_of(Chances& chances) {
  sort(chances);
  double none = 1;
  for (std::size_t i = 0; i < chances.size();) none *= std::max(0.0, 1 - covered(chances, i));
  return none;
}

bool have_one_axis(std::span<const Chance> some, std::span<const Chance> more, Axis axis) {
  const auto has_axis = [axis](const Chance& chance) { return chance.axis == axis; };
  return std::ranges::all_of(some, has_axis) && std::ranges::all_of(more, has_axis);
}

}  // namespace

Axis Axes::of_salt(std::string_view salt) {
  const auto [found, is_new] = by_salt_.try_emplace(std::string(salt), next_);
  if (is_new) ++next_;
  return found->second;
}

Chance Chance::of(double probability, Axis axis, bool estimated) {
  if (!(probability > 0)) return never();
  if (probability >= 1) return always();
  return {.low = 0, .high = probability, .axis = axis, .estimated = estimated};
}

Chance both(const Chance& one, const Chance& other, Axis own) {
  if (one.is_never() || other.is_never()) return Chance::never();
  if (one.is_always()) return other;
  if (other.is_always()) return one;
  const bool estimated = one.estimated || other.estimated;
  if (one.axis == other.axis) {
    return {.low = std::max(one.low, other.low),
            .high = std::min(one.high, other.high),
            .axis = one.axis,
            .estimated = estimated};
  }
  return Chance::of(one.probability() * other.probability(), own, estimated);
}

Chance opposite(const Chance& chance, Axis own) {
  if (chance.is_never()) return Chance::always();
  if (chance.is_always()) return Chance::never();
  Chance result = chance;
  if (chance.low <= 0) {
    result.low = chance.high;
    result.high = 1;
  } else if (chance.high >= 1) {
    result.low = 0;
    result.high = chance.low;
  } else {
    result = Chance::of(1 - chance.probability(), own, chance.estimated);
  }
  return result;
}

// P(sampled and not dropped) = P(not dropped) - P(neither sampled nor dropped). On one axis without
// the detour over the complements: 10 % is then 0.1 to the last digit.
double probability_of(std::span<const Chance> sampling, std::span<const Chance> dropping,
                      Chances& scratch) {
  if (sampling.empty()) return 0;
  const bool has_one_axis = have_one_axis(sampling, dropping, sampling.front().axis);
  scratch.assign(dropping.begin(), dropping.end());
  const double dropped = has_one_axis ? covered_of_one(scratch) : 1 - none_of(scratch);
  scratch.insert(scratch.end(), sampling.begin(), sampling.end());
  const double either = has_one_axis ? covered_of_one(scratch) : 1 - none_of(scratch);
  return either - dropped;
}

}  // namespace kernspan::sampling
