// What limits of rate are made of.
#pragma once

#include <cstdint>

namespace kernspan::sampling {

// Tokens come in evenly, up to a capacity, and are taken all or none. As Go's golang.org/x/time/rate,
// which upstream uses: full at first, and a request beyond the capacity never passes.
class TokenBucket {
 public:
  TokenBucket(double per_second, double capacity)
      : per_second_(per_second), capacity_(capacity), tokens_(capacity) {}

  bool take(double count, std::uint64_t now_ns);

 private:
  double per_second_;
  double capacity_;
  double tokens_;
  std::uint64_t last_ns_ = 0;
  bool is_new_ = true;
};

// Which share of what was asked for has been granted lately: the weight of a request falls to a
// half in ten seconds.
class GrantedShare {
 public:
  void add(double count, bool granted, std::uint64_t now_ns);
  // 1 as long as nothing was asked for.
  double value() const { return asked_ > 0 ? granted_ / asked_ : 1; }

 private:
  double asked_ = 0;
  double granted_ = 0;
  std::uint64_t last_ns_ = 0;
};

}  // namespace kernspan::sampling
