#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace kernspan::sampling {

// Many small objects named by 32-bit numbers. What is freed is used again, last first; the blocks
// stay, so that what was held at the peak is what is kept. `kNext` is a member of T that the slab
// uses while the object is free. One thread.
template <typename T, std::uint32_t T::* kNext>
class Slab {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // A fresh T. Numbers run out at kNone: by then it holds 64 GiB.
  std::uint32_t allocate() {
    std::uint32_t number = free_;
    if (number != kNone) {
      free_ = (*this)[number].*kNext;
    } else {
      number = used_++;
      if (number % kBlock == 0) blocks_.push_back(std::make_unique<T[]>(kBlock));
    }
    (*this)[number] = T();
    ++size_;
    return number;
  }

  void free(std::uint32_t number) {
    (*this)[number].*kNext = free_;
    free_ = number;
    --size_;
  }

  T& operator[](std::uint32_t number) { return blocks_[number / kBlock][number % kBlock]; }
  const T& operator[](std::uint32_t number) const {
    return blocks_[number / kBlock][number % kBlock];
  }

  // Of all its lines; it may be free.
  void prefetch(std::uint32_t number) const {
    const auto* const bytes = reinterpret_cast<const char*>(&(*this)[number]);
    for (std::size_t line = 0; line < sizeof(T); line += 64) __builtin_prefetch(bytes + line, 1);
  }

  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint32_t kBlock = 4096;

  std::vector<std::unique_ptr<T[]>> blocks_;
  std::uint32_t used_ = 0;
  std::uint32_t free_ = kNone;
  std::size_t size_ = 0;
};

}  // namespace kernspan::sampling
