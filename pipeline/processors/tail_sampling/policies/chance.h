// Probabilities of policies, in a form in which they can be combined exactly.
//
// A probabilistic policy draws a number in [0, 1) from the trace id, one per salt, and samples when
// it is small enough. Policies with the same salt see the same number: 10 % and 1 % are together
// 10 %, not 10.9 %. So a chance is an interval of one such number, its *axis*. Numbers of different
// axes are independent of each other.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::sampling {

using Axis = std::uint32_t;

// Gives out axes while policies are made.
class Axes {
 public:
  Axis of_salt(std::string_view salt);
  // One that no other policy has.
  Axis own() { return next_++; }

 private:
  std::map<std::string, Axis, std::less<>> by_salt_;
  Axis next_ = 1;
};

// Samples when the number of the axis lies in [low, high).
struct Chance {
  double low = 0;
  double high = 0;
  Axis axis = 0;           // any, where the interval is everything or nothing
  bool estimated = false;  // measured, not configured

  static Chance always() { return {.high = 1}; }
  static Chance never() { return {}; }
  static Chance of(bool certain) { return certain ? always() : never(); }
  static Chance of(double probability, Axis axis, bool estimated = false);

  double probability() const { return high > low ? high - low : 0; }
  bool is_always() const { return low <= 0 && high >= 1; }
  bool is_never() const { return high <= low; }
};

// That both sample. Exact when they have one axis or one of them is certain; else the product, on
// `own`, which another policy's interval on either axis no longer overlaps as it should.
Chance both(const Chance& one, const Chance& other, Axis own);

// That it does not sample. Exact but for an interval in the middle, whose complement is put on
// `own`.
Chance opposite(const Chance& chance, Axis own);

// That any of `sampling` samples and none of `dropping` drops. Exact for the given intervals.
// `scratch` spares allocations.
double probability_of(std::span<const Chance> sampling, std::span<const Chance> dropping,
                      std::vector<Chance>& scratch);

}  // namespace kernspan::sampling
